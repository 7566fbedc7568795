/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

// Common aliases
const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

// Exported root namespace
const $root = $protobuf.roots["default"] || ($protobuf.roots["default"] = {});

export const recoverylog = $root.recoverylog = (() => {

    /**
     * Namespace recoverylog.
     * @exports recoverylog
     * @namespace
     */
    const recoverylog = {};

    recoverylog.Create = (function() {

        /**
         * Properties of a Create.
         * @typedef {Object} recoverylog.Create.$Properties
         * @property {Uint8Array|null} [path] Create path
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a Create.
         * @memberof recoverylog
         * @interface ICreate
         * @augments recoverylog.Create.$Properties
         * @deprecated Use recoverylog.Create.$Properties instead.
         */

        /**
         * Shape of a Create.
         * @typedef {recoverylog.Create.$Properties} recoverylog.Create.$Shape
         */

        /**
         * Constructs a new Create.
         * @memberof recoverylog
         * @classdesc Represents a Create.
         * @constructor
         * @param {recoverylog.Create.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const Create = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * Create path.
         * @member {Uint8Array} path
         * @memberof recoverylog.Create
         * @instance
         */
        Create.prototype.path = $util.newBuffer([]);

        /**
         * Encodes the specified Create message. Does not implicitly {@link recoverylog.Create.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.Create
         * @static
         * @param {recoverylog.Create.$Properties} message Create message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        Create.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.path != null && $Object.hasOwnProperty.call(message, "path") && message.path.length)
                writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.path);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a Create message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.Create
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.Create & recoverylog.Create.$Shape} Create
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        Create.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.Create();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.bytes()).length)
                            message.path = value;
                        else
                            delete message.path;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Create;
    })();

    recoverylog.Link = (function() {

        /**
         * Properties of a Link.
         * @typedef {Object} recoverylog.Link.$Properties
         * @property {number|Long|null} [fnode] Link fnode
         * @property {Uint8Array|null} [path] Link path
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a Link.
         * @memberof recoverylog
         * @interface ILink
         * @augments recoverylog.Link.$Properties
         * @deprecated Use recoverylog.Link.$Properties instead.
         */

        /**
         * Shape of a Link.
         * @typedef {recoverylog.Link.$Properties} recoverylog.Link.$Shape
         */

        /**
         * Constructs a new Link.
         * @memberof recoverylog
         * @classdesc Represents a Link.
         * @constructor
         * @param {recoverylog.Link.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const Link = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * Link fnode.
         * @member {number|Long} fnode
         * @memberof recoverylog.Link
         * @instance
         */
        Link.prototype.fnode = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Link path.
         * @member {Uint8Array} path
         * @memberof recoverylog.Link
         * @instance
         */
        Link.prototype.path = $util.newBuffer([]);

        /**
         * Encodes the specified Link message. Does not implicitly {@link recoverylog.Link.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.Link
         * @static
         * @param {recoverylog.Link.$Properties} message Link message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        Link.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.fnode != null && $Object.hasOwnProperty.call(message, "fnode") && (typeof message.fnode === "object" ? message.fnode.low || message.fnode.high : message.fnode !== 0))
                writer.uint32(/* id 1, wireType 0 =*/8).int64(message.fnode);
            if (message.path != null && $Object.hasOwnProperty.call(message, "path") && message.path.length)
                writer.uint32(/* id 2, wireType 2 =*/18).bytes(message.path);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a Link message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.Link
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.Link & recoverylog.Link.$Shape} Link
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        Link.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.Link();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.fnode = value;
                        else
                            delete message.fnode;
                        continue;
                    }
                case 2: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.bytes()).length)
                            message.path = value;
                        else
                            delete message.path;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Link;
    })();

    recoverylog.Write = (function() {

        /**
         * Properties of a Write.
         * @typedef {Object} recoverylog.Write.$Properties
         * @property {number|Long|null} [fnode] Write fnode
         * @property {number|Long|null} [offset] Write offset
         * @property {number|Long|null} [length] Write length
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a Write.
         * @memberof recoverylog
         * @interface IWrite
         * @augments recoverylog.Write.$Properties
         * @deprecated Use recoverylog.Write.$Properties instead.
         */

        /**
         * Shape of a Write.
         * @typedef {recoverylog.Write.$Properties} recoverylog.Write.$Shape
         */

        /**
         * Constructs a new Write.
         * @memberof recoverylog
         * @classdesc Represents a Write.
         * @constructor
         * @param {recoverylog.Write.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const Write = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * Write fnode.
         * @member {number|Long} fnode
         * @memberof recoverylog.Write
         * @instance
         */
        Write.prototype.fnode = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Write offset.
         * @member {number|Long} offset
         * @memberof recoverylog.Write
         * @instance
         */
        Write.prototype.offset = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Write length.
         * @member {number|Long} length
         * @memberof recoverylog.Write
         * @instance
         */
        Write.prototype.length = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Encodes the specified Write message. Does not implicitly {@link recoverylog.Write.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.Write
         * @static
         * @param {recoverylog.Write.$Properties} message Write message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        Write.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.fnode != null && $Object.hasOwnProperty.call(message, "fnode") && (typeof message.fnode === "object" ? message.fnode.low || message.fnode.high : message.fnode !== 0))
                writer.uint32(/* id 1, wireType 0 =*/8).int64(message.fnode);
            if (message.offset != null && $Object.hasOwnProperty.call(message, "offset") && (typeof message.offset === "object" ? message.offset.low || message.offset.high : message.offset !== 0))
                writer.uint32(/* id 2, wireType 0 =*/16).int64(message.offset);
            if (message.length != null && $Object.hasOwnProperty.call(message, "length") && (typeof message.length === "object" ? message.length.low || message.length.high : message.length !== 0))
                writer.uint32(/* id 3, wireType 0 =*/24).int64(message.length);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a Write message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.Write
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.Write & recoverylog.Write.$Shape} Write
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        Write.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.Write();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.fnode = value;
                        else
                            delete message.fnode;
                        continue;
                    }
                case 2: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.offset = value;
                        else
                            delete message.offset;
                        continue;
                    }
                case 3: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.length = value;
                        else
                            delete message.length;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Write;
    })();

    recoverylog.Property = (function() {

        /**
         * Properties of a Property.
         * @typedef {Object} recoverylog.Property.$Properties
         * @property {Uint8Array|null} [path] Property path
         * @property {Uint8Array|null} [content] Property content
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a Property.
         * @memberof recoverylog
         * @interface IProperty
         * @augments recoverylog.Property.$Properties
         * @deprecated Use recoverylog.Property.$Properties instead.
         */

        /**
         * Shape of a Property.
         * @typedef {recoverylog.Property.$Properties} recoverylog.Property.$Shape
         */

        /**
         * Constructs a new Property.
         * @memberof recoverylog
         * @classdesc Represents a Property.
         * @constructor
         * @param {recoverylog.Property.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const Property = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * Property path.
         * @member {Uint8Array} path
         * @memberof recoverylog.Property
         * @instance
         */
        Property.prototype.path = $util.newBuffer([]);

        /**
         * Property content.
         * @member {Uint8Array} content
         * @memberof recoverylog.Property
         * @instance
         */
        Property.prototype.content = $util.newBuffer([]);

        /**
         * Encodes the specified Property message. Does not implicitly {@link recoverylog.Property.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.Property
         * @static
         * @param {recoverylog.Property.$Properties} message Property message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        Property.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.path != null && $Object.hasOwnProperty.call(message, "path") && message.path.length)
                writer.uint32(/* id 1, wireType 2 =*/10).bytes(message.path);
            if (message.content != null && $Object.hasOwnProperty.call(message, "content") && message.content.length)
                writer.uint32(/* id 2, wireType 2 =*/18).bytes(message.content);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a Property message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.Property
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.Property & recoverylog.Property.$Shape} Property
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        Property.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.Property();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.bytes()).length)
                            message.path = value;
                        else
                            delete message.path;
                        continue;
                    }
                case 2: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.bytes()).length)
                            message.content = value;
                        else
                            delete message.content;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Property;
    })();

    recoverylog.RecordedOp = (function() {

        /**
         * Properties of a RecordedOp.
         * @typedef {Object} recoverylog.RecordedOp.$Properties
         * @property {number|Long|null} [seq_no] RecordedOp seq_no
         * @property {number|null} [checksum] RecordedOp checksum
         * @property {number|null} [author] RecordedOp author
         * @property {recoverylog.Create.$Properties|null} [create] RecordedOp create
         * @property {recoverylog.Link.$Properties|null} [link] RecordedOp link
         * @property {recoverylog.Link.$Properties|null} [unlink] RecordedOp unlink
         * @property {recoverylog.Write.$Properties|null} [write] RecordedOp write
         * @property {recoverylog.Property.$Properties|null} [property] RecordedOp property
         * @property {number|Long|null} [first_offset] RecordedOp first_offset
         * @property {number|Long|null} [last_offset] RecordedOp last_offset
         * @property {string|null} [log] RecordedOp log
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a RecordedOp.
         * @memberof recoverylog
         * @interface IRecordedOp
         * @augments recoverylog.RecordedOp.$Properties
         * @deprecated Use recoverylog.RecordedOp.$Properties instead.
         */

        /**
         * Shape of a RecordedOp.
         * @typedef {recoverylog.RecordedOp.$Properties} recoverylog.RecordedOp.$Shape
         */

        /**
         * Constructs a new RecordedOp.
         * @memberof recoverylog
         * @classdesc Represents a RecordedOp.
         * @constructor
         * @param {recoverylog.RecordedOp.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const RecordedOp = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * RecordedOp seq_no.
         * @member {number|Long} seq_no
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.seq_no = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * RecordedOp checksum.
         * @member {number} checksum
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.checksum = 0;

        /**
         * RecordedOp author.
         * @member {number} author
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.author = 0;

        /**
         * RecordedOp create.
         * @member {recoverylog.Create.$Properties|null|undefined} create
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.create = null;

        /**
         * RecordedOp link.
         * @member {recoverylog.Link.$Properties|null|undefined} link
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.link = null;

        /**
         * RecordedOp unlink.
         * @member {recoverylog.Link.$Properties|null|undefined} unlink
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.unlink = null;

        /**
         * RecordedOp write.
         * @member {recoverylog.Write.$Properties|null|undefined} write
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.write = null;

        /**
         * RecordedOp property.
         * @member {recoverylog.Property.$Properties|null|undefined} property
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.property = null;

        /**
         * RecordedOp first_offset.
         * @member {number|Long} first_offset
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.first_offset = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * RecordedOp last_offset.
         * @member {number|Long} last_offset
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.last_offset = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * RecordedOp log.
         * @member {string} log
         * @memberof recoverylog.RecordedOp
         * @instance
         */
        RecordedOp.prototype.log = "";

        /**
         * Encodes the specified RecordedOp message. Does not implicitly {@link recoverylog.RecordedOp.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.RecordedOp
         * @static
         * @param {recoverylog.RecordedOp.$Properties} message RecordedOp message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        RecordedOp.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.seq_no != null && $Object.hasOwnProperty.call(message, "seq_no") && (typeof message.seq_no === "object" ? message.seq_no.low || message.seq_no.high : message.seq_no !== 0))
                writer.uint32(/* id 1, wireType 0 =*/8).int64(message.seq_no);
            if (message.checksum != null && $Object.hasOwnProperty.call(message, "checksum") && message.checksum !== 0)
                writer.uint32(/* id 2, wireType 5 =*/21).fixed32(message.checksum);
            if (message.author != null && $Object.hasOwnProperty.call(message, "author") && message.author !== 0)
                writer.uint32(/* id 3, wireType 5 =*/29).fixed32(message.author);
            if (message.create != null && $Object.hasOwnProperty.call(message, "create"))
                $root.recoverylog.Create.encode(message.create, writer.uint32(/* id 4, wireType 2 =*/34).fork(), _depth + 1).ldelim();
            if (message.link != null && $Object.hasOwnProperty.call(message, "link"))
                $root.recoverylog.Link.encode(message.link, writer.uint32(/* id 5, wireType 2 =*/42).fork(), _depth + 1).ldelim();
            if (message.unlink != null && $Object.hasOwnProperty.call(message, "unlink"))
                $root.recoverylog.Link.encode(message.unlink, writer.uint32(/* id 6, wireType 2 =*/50).fork(), _depth + 1).ldelim();
            if (message.write != null && $Object.hasOwnProperty.call(message, "write"))
                $root.recoverylog.Write.encode(message.write, writer.uint32(/* id 7, wireType 2 =*/58).fork(), _depth + 1).ldelim();
            if (message.property != null && $Object.hasOwnProperty.call(message, "property"))
                $root.recoverylog.Property.encode(message.property, writer.uint32(/* id 8, wireType 2 =*/66).fork(), _depth + 1).ldelim();
            if (message.first_offset != null && $Object.hasOwnProperty.call(message, "first_offset") && (typeof message.first_offset === "object" ? message.first_offset.low || message.first_offset.high : message.first_offset !== 0))
                writer.uint32(/* id 9, wireType 0 =*/72).int64(message.first_offset);
            if (message.last_offset != null && $Object.hasOwnProperty.call(message, "last_offset") && (typeof message.last_offset === "object" ? message.last_offset.low || message.last_offset.high : message.last_offset !== 0))
                writer.uint32(/* id 10, wireType 0 =*/80).int64(message.last_offset);
            if (message.log != null && $Object.hasOwnProperty.call(message, "log") && message.log !== "")
                writer.uint32(/* id 11, wireType 2 =*/90).string(message.log);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a RecordedOp message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.RecordedOp
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.RecordedOp & recoverylog.RecordedOp.$Shape} RecordedOp
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        RecordedOp.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.RecordedOp();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.seq_no = value;
                        else
                            delete message.seq_no;
                        continue;
                    }
                case 2: {
                        if (wireType !== 5)
                            break;
                        if (value = reader.fixed32())
                            message.checksum = value;
                        else
                            delete message.checksum;
                        continue;
                    }
                case 3: {
                        if (wireType !== 5)
                            break;
                        if (value = reader.fixed32())
                            message.author = value;
                        else
                            delete message.author;
                        continue;
                    }
                case 4: {
                        if (wireType !== 2)
                            break;
                        message.create = $root.recoverylog.Create.decode(reader, reader.size(), $undefined, _depth + 1, message.create);
                        continue;
                    }
                case 5: {
                        if (wireType !== 2)
                            break;
                        message.link = $root.recoverylog.Link.decode(reader, reader.size(), $undefined, _depth + 1, message.link);
                        continue;
                    }
                case 6: {
                        if (wireType !== 2)
                            break;
                        message.unlink = $root.recoverylog.Link.decode(reader, reader.size(), $undefined, _depth + 1, message.unlink);
                        continue;
                    }
                case 7: {
                        if (wireType !== 2)
                            break;
                        message.write = $root.recoverylog.Write.decode(reader, reader.size(), $undefined, _depth + 1, message.write);
                        continue;
                    }
                case 8: {
                        if (wireType !== 2)
                            break;
                        message.property = $root.recoverylog.Property.decode(reader, reader.size(), $undefined, _depth + 1, message.property);
                        continue;
                    }
                case 9: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.first_offset = value;
                        else
                            delete message.first_offset;
                        continue;
                    }
                case 10: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.last_offset = value;
                        else
                            delete message.last_offset;
                        continue;
                    }
                case 11: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.log = value;
                        else
                            delete message.log;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return RecordedOp;
    })();

    recoverylog.Segment = (function() {

        /**
         * Properties of a Segment.
         * @typedef {Object} recoverylog.Segment.$Properties
         * @property {number|null} [author] Segment author
         * @property {number|Long|null} [first_seq_no] Segment first_seq_no
         * @property {number|Long|null} [first_offset] Segment first_offset
         * @property {number|null} [first_checksum] Segment first_checksum
         * @property {number|Long|null} [last_seq_no] Segment last_seq_no
         * @property {number|Long|null} [last_offset] Segment last_offset
         * @property {string|null} [log] Segment log
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a Segment.
         * @memberof recoverylog
         * @interface ISegment
         * @augments recoverylog.Segment.$Properties
         * @deprecated Use recoverylog.Segment.$Properties instead.
         */

        /**
         * Shape of a Segment.
         * @typedef {recoverylog.Segment.$Properties} recoverylog.Segment.$Shape
         */

        /**
         * Constructs a new Segment.
         * @memberof recoverylog
         * @classdesc Represents a Segment.
         * @constructor
         * @param {recoverylog.Segment.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const Segment = function (properties) {
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * Segment author.
         * @member {number} author
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.author = 0;

        /**
         * Segment first_seq_no.
         * @member {number|Long} first_seq_no
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.first_seq_no = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Segment first_offset.
         * @member {number|Long} first_offset
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.first_offset = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Segment first_checksum.
         * @member {number} first_checksum
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.first_checksum = 0;

        /**
         * Segment last_seq_no.
         * @member {number|Long} last_seq_no
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.last_seq_no = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Segment last_offset.
         * @member {number|Long} last_offset
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.last_offset = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * Segment log.
         * @member {string} log
         * @memberof recoverylog.Segment
         * @instance
         */
        Segment.prototype.log = "";

        /**
         * Encodes the specified Segment message. Does not implicitly {@link recoverylog.Segment.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.Segment
         * @static
         * @param {recoverylog.Segment.$Properties} message Segment message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        Segment.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.author != null && $Object.hasOwnProperty.call(message, "author") && message.author !== 0)
                writer.uint32(/* id 1, wireType 5 =*/13).fixed32(message.author);
            if (message.first_seq_no != null && $Object.hasOwnProperty.call(message, "first_seq_no") && (typeof message.first_seq_no === "object" ? message.first_seq_no.low || message.first_seq_no.high : message.first_seq_no !== 0))
                writer.uint32(/* id 2, wireType 0 =*/16).int64(message.first_seq_no);
            if (message.first_offset != null && $Object.hasOwnProperty.call(message, "first_offset") && (typeof message.first_offset === "object" ? message.first_offset.low || message.first_offset.high : message.first_offset !== 0))
                writer.uint32(/* id 3, wireType 0 =*/24).int64(message.first_offset);
            if (message.first_checksum != null && $Object.hasOwnProperty.call(message, "first_checksum") && message.first_checksum !== 0)
                writer.uint32(/* id 4, wireType 5 =*/37).fixed32(message.first_checksum);
            if (message.last_seq_no != null && $Object.hasOwnProperty.call(message, "last_seq_no") && (typeof message.last_seq_no === "object" ? message.last_seq_no.low || message.last_seq_no.high : message.last_seq_no !== 0))
                writer.uint32(/* id 5, wireType 0 =*/40).int64(message.last_seq_no);
            if (message.last_offset != null && $Object.hasOwnProperty.call(message, "last_offset") && (typeof message.last_offset === "object" ? message.last_offset.low || message.last_offset.high : message.last_offset !== 0))
                writer.uint32(/* id 6, wireType 0 =*/48).int64(message.last_offset);
            if (message.log != null && $Object.hasOwnProperty.call(message, "log") && message.log !== "")
                writer.uint32(/* id 7, wireType 2 =*/58).string(message.log);
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a Segment message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.Segment
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.Segment & recoverylog.Segment.$Shape} Segment
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        Segment.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.Segment();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 5)
                            break;
                        if (value = reader.fixed32())
                            message.author = value;
                        else
                            delete message.author;
                        continue;
                    }
                case 2: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.first_seq_no = value;
                        else
                            delete message.first_seq_no;
                        continue;
                    }
                case 3: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.first_offset = value;
                        else
                            delete message.first_offset;
                        continue;
                    }
                case 4: {
                        if (wireType !== 5)
                            break;
                        if (value = reader.fixed32())
                            message.first_checksum = value;
                        else
                            delete message.first_checksum;
                        continue;
                    }
                case 5: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.last_seq_no = value;
                        else
                            delete message.last_seq_no;
                        continue;
                    }
                case 6: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.last_offset = value;
                        else
                            delete message.last_offset;
                        continue;
                    }
                case 7: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.log = value;
                        else
                            delete message.log;
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return Segment;
    })();

    recoverylog.FnodeSegments = (function() {

        /**
         * Properties of a FnodeSegments.
         * @typedef {Object} recoverylog.FnodeSegments.$Properties
         * @property {number|Long|null} [fnode] FnodeSegments fnode
         * @property {Array.<recoverylog.Segment.$Properties>|null} [segments] FnodeSegments segments
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a FnodeSegments.
         * @memberof recoverylog
         * @interface IFnodeSegments
         * @augments recoverylog.FnodeSegments.$Properties
         * @deprecated Use recoverylog.FnodeSegments.$Properties instead.
         */

        /**
         * Shape of a FnodeSegments.
         * @typedef {recoverylog.FnodeSegments.$Properties} recoverylog.FnodeSegments.$Shape
         */

        /**
         * Constructs a new FnodeSegments.
         * @memberof recoverylog
         * @classdesc Represents a FnodeSegments.
         * @constructor
         * @param {recoverylog.FnodeSegments.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const FnodeSegments = function (properties) {
            this.segments = [];
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * FnodeSegments fnode.
         * @member {number|Long} fnode
         * @memberof recoverylog.FnodeSegments
         * @instance
         */
        FnodeSegments.prototype.fnode = $util.Long ? $util.Long.fromBits(0,0,false) : 0;

        /**
         * FnodeSegments segments.
         * @member {Array.<recoverylog.Segment.$Properties>} segments
         * @memberof recoverylog.FnodeSegments
         * @instance
         */
        FnodeSegments.prototype.segments = $util.emptyArray;

        /**
         * Encodes the specified FnodeSegments message. Does not implicitly {@link recoverylog.FnodeSegments.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.FnodeSegments
         * @static
         * @param {recoverylog.FnodeSegments.$Properties} message FnodeSegments message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        FnodeSegments.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.fnode != null && $Object.hasOwnProperty.call(message, "fnode") && (typeof message.fnode === "object" ? message.fnode.low || message.fnode.high : message.fnode !== 0))
                writer.uint32(/* id 1, wireType 0 =*/8).int64(message.fnode);
            if (message.segments != null && message.segments.length)
                for (let i = 0; i < message.segments.length; ++i)
                    $root.recoverylog.Segment.encode(message.segments[i], writer.uint32(/* id 2, wireType 2 =*/18).fork(), _depth + 1).ldelim();
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a FnodeSegments message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.FnodeSegments
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.FnodeSegments & recoverylog.FnodeSegments.$Shape} FnodeSegments
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        FnodeSegments.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.FnodeSegments();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 0)
                            break;
                        if (typeof (value = reader.int64()) === "object" ? value.low || value.high : value !== 0)
                            message.fnode = value;
                        else
                            delete message.fnode;
                        continue;
                    }
                case 2: {
                        if (wireType !== 2)
                            break;
                        if (!(message.segments && message.segments.length))
                            message.segments = [];
                        message.segments.push($root.recoverylog.Segment.decode(reader, reader.size(), $undefined, _depth + 1));
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return FnodeSegments;
    })();

    recoverylog.FSMHints = (function() {

        /**
         * Properties of a FSMHints.
         * @typedef {Object} recoverylog.FSMHints.$Properties
         * @property {string|null} [log] FSMHints log
         * @property {Array.<recoverylog.FnodeSegments.$Properties>|null} [live_nodes] FSMHints live_nodes
         * @property {Array.<recoverylog.Property.$Properties>|null} [properties] FSMHints properties
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */

        /**
         * Properties of a FSMHints.
         * @memberof recoverylog
         * @interface IFSMHints
         * @augments recoverylog.FSMHints.$Properties
         * @deprecated Use recoverylog.FSMHints.$Properties instead.
         */

        /**
         * Shape of a FSMHints.
         * @typedef {recoverylog.FSMHints.$Properties} recoverylog.FSMHints.$Shape
         */

        /**
         * Constructs a new FSMHints.
         * @memberof recoverylog
         * @classdesc Represents a FSMHints.
         * @constructor
         * @param {recoverylog.FSMHints.$Properties=} [properties] Properties to set
         * @property {Array.<Uint8Array>} [$unknowns] Unknown fields preserved while decoding when enabled
         */
        const FSMHints = function (properties) {
            this.live_nodes = [];
            this.properties = [];
            if (properties)
                for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                    if (properties[keys[i]] != null && keys[i] !== "__proto__")
                        this[keys[i]] = properties[keys[i]];
        };

        /**
         * FSMHints log.
         * @member {string} log
         * @memberof recoverylog.FSMHints
         * @instance
         */
        FSMHints.prototype.log = "";

        /**
         * FSMHints live_nodes.
         * @member {Array.<recoverylog.FnodeSegments.$Properties>} live_nodes
         * @memberof recoverylog.FSMHints
         * @instance
         */
        FSMHints.prototype.live_nodes = $util.emptyArray;

        /**
         * FSMHints properties.
         * @member {Array.<recoverylog.Property.$Properties>} properties
         * @memberof recoverylog.FSMHints
         * @instance
         */
        FSMHints.prototype.properties = $util.emptyArray;

        /**
         * Encodes the specified FSMHints message. Does not implicitly {@link recoverylog.FSMHints.verify|verify} messages.
         * @function encode
         * @memberof recoverylog.FSMHints
         * @static
         * @param {recoverylog.FSMHints.$Properties} message FSMHints message or plain object to encode
         * @param {$protobuf.Writer} [writer] Writer to encode to
         * @returns {$protobuf.Writer} Writer
         */
        FSMHints.encode = function (message, writer, _depth) {
            if (!writer)
                writer = $Writer.create();
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $util.recursionLimit)
                throw $Error("max depth exceeded");
            if (message.log != null && $Object.hasOwnProperty.call(message, "log") && message.log !== "")
                writer.uint32(/* id 1, wireType 2 =*/10).string(message.log);
            if (message.live_nodes != null && message.live_nodes.length)
                for (let i = 0; i < message.live_nodes.length; ++i)
                    $root.recoverylog.FnodeSegments.encode(message.live_nodes[i], writer.uint32(/* id 2, wireType 2 =*/18).fork(), _depth + 1).ldelim();
            if (message.properties != null && message.properties.length)
                for (let i = 0; i < message.properties.length; ++i)
                    $root.recoverylog.Property.encode(message.properties[i], writer.uint32(/* id 3, wireType 2 =*/26).fork(), _depth + 1).ldelim();
            if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                for (let i = 0; i < message.$unknowns.length; ++i)
                    writer.raw(message.$unknowns[i]);
            return writer;
        };

        /**
         * Decodes a FSMHints message from the specified reader or buffer.
         * @function decode
         * @memberof recoverylog.FSMHints
         * @static
         * @param {$protobuf.Reader|Uint8Array} reader Reader or buffer to decode from
         * @param {number} [length] Message length if known beforehand
         * @returns {recoverylog.FSMHints & recoverylog.FSMHints.$Shape} FSMHints
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        FSMHints.decode = function (reader, length, _end, _depth, _target) {
            if (!(reader instanceof $Reader))
                reader = $Reader.create(reader);
            if (_depth === $undefined)
                _depth = 0;
            if (_depth > $Reader.recursionLimit)
                throw $Error("max depth exceeded");
            let end, message, value;
            if (length === $undefined)
                end = reader.len;
            else {
                end = reader.pos + length;
                if (end > reader.len)
                    throw $RangeError("index out of range");
                length = reader.len;
                reader.len = end;
            }
            message = _target || new $root.recoverylog.FSMHints();
            while (reader.pos < end) {
                let start = reader.pos;
                let tag = reader.tag();
                if (tag === _end) {
                    _end = $undefined;
                    break;
                }
                let wireType = tag & 7;
                switch (tag >>>= 3) {
                case 1: {
                        if (wireType !== 2)
                            break;
                        if ((value = reader.stringVerify()).length)
                            message.log = value;
                        else
                            delete message.log;
                        continue;
                    }
                case 2: {
                        if (wireType !== 2)
                            break;
                        if (!(message.live_nodes && message.live_nodes.length))
                            message.live_nodes = [];
                        message.live_nodes.push($root.recoverylog.FnodeSegments.decode(reader, reader.size(), $undefined, _depth + 1));
                        continue;
                    }
                case 3: {
                        if (wireType !== 2)
                            break;
                        if (!(message.properties && message.properties.length))
                            message.properties = [];
                        message.properties.push($root.recoverylog.Property.decode(reader, reader.size(), $undefined, _depth + 1));
                        continue;
                    }
                }
                reader.skipType(wireType, _depth, tag);
                if (!reader.discardUnknown) {
                    $util.makeProp(message, "$unknowns", false);
                    (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                }
            }
            if (length !== $undefined) {
                if (reader.pos !== end)
                    throw $RangeError("index out of range");
                reader.len = length;
            }
            if (_end !== $undefined)
                throw $Error("missing end group");
            return message;
        };

        return FSMHints;
    })();

    return recoverylog;
})();

export {
  $root as default
};
