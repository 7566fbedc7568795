import * as $protobuf from "protobufjs/minimal.js";
import Long = require("long");

/** Namespace recoverylog. */
export namespace recoverylog {

    /**
     * Properties of a Create.
     * @deprecated Use recoverylog.Create.$Properties instead.
     */
    interface ICreate extends recoverylog.Create.$Properties {
    }

    /** Represents a Create. */
    class Create {

        /**
         * Constructs a new Create.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.Create.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Create path. */
        path: Uint8Array;

        /**
         * Encodes the specified Create message. Does not implicitly {@link recoverylog.Create.verify|verify} messages.
         * @param message Create message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.Create.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Create message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.Create & recoverylog.Create.$Shape} Create
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.Create & recoverylog.Create.$Shape;
    }

    namespace Create {

        /** Properties of a Create. */
        interface $Properties {

            /** Create path */
            path?: (Uint8Array|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Create. */
        type $Shape = recoverylog.Create.$Properties;
    }

    /**
     * Properties of a Link.
     * @deprecated Use recoverylog.Link.$Properties instead.
     */
    interface ILink extends recoverylog.Link.$Properties {
    }

    /** Represents a Link. */
    class Link {

        /**
         * Constructs a new Link.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.Link.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Link fnode. */
        fnode: (number|Long);

        /** Link path. */
        path: Uint8Array;

        /**
         * Encodes the specified Link message. Does not implicitly {@link recoverylog.Link.verify|verify} messages.
         * @param message Link message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.Link.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Link message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.Link & recoverylog.Link.$Shape} Link
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.Link & recoverylog.Link.$Shape;
    }

    namespace Link {

        /** Properties of a Link. */
        interface $Properties {

            /** Link fnode */
            fnode?: (number|Long|null);

            /** Link path */
            path?: (Uint8Array|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Link. */
        type $Shape = recoverylog.Link.$Properties;
    }

    /**
     * Properties of a Write.
     * @deprecated Use recoverylog.Write.$Properties instead.
     */
    interface IWrite extends recoverylog.Write.$Properties {
    }

    /** Represents a Write. */
    class Write {

        /**
         * Constructs a new Write.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.Write.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Write fnode. */
        fnode: (number|Long);

        /** Write offset. */
        offset: (number|Long);

        /** Write length. */
        length: (number|Long);

        /**
         * Encodes the specified Write message. Does not implicitly {@link recoverylog.Write.verify|verify} messages.
         * @param message Write message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.Write.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Write message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.Write & recoverylog.Write.$Shape} Write
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.Write & recoverylog.Write.$Shape;
    }

    namespace Write {

        /** Properties of a Write. */
        interface $Properties {

            /** Write fnode */
            fnode?: (number|Long|null);

            /** Write offset */
            offset?: (number|Long|null);

            /** Write length */
            length?: (number|Long|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Write. */
        type $Shape = recoverylog.Write.$Properties;
    }

    /**
     * Properties of a Property.
     * @deprecated Use recoverylog.Property.$Properties instead.
     */
    interface IProperty extends recoverylog.Property.$Properties {
    }

    /** Represents a Property. */
    class Property {

        /**
         * Constructs a new Property.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.Property.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Property path. */
        path: Uint8Array;

        /** Property content. */
        content: Uint8Array;

        /**
         * Encodes the specified Property message. Does not implicitly {@link recoverylog.Property.verify|verify} messages.
         * @param message Property message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.Property.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Property message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.Property & recoverylog.Property.$Shape} Property
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.Property & recoverylog.Property.$Shape;
    }

    namespace Property {

        /** Properties of a Property. */
        interface $Properties {

            /** Property path */
            path?: (Uint8Array|null);

            /** Property content */
            content?: (Uint8Array|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Property. */
        type $Shape = recoverylog.Property.$Properties;
    }

    /**
     * Properties of a RecordedOp.
     * @deprecated Use recoverylog.RecordedOp.$Properties instead.
     */
    interface IRecordedOp extends recoverylog.RecordedOp.$Properties {
    }

    /** Represents a RecordedOp. */
    class RecordedOp {

        /**
         * Constructs a new RecordedOp.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.RecordedOp.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** RecordedOp seq_no. */
        seq_no: (number|Long);

        /** RecordedOp checksum. */
        checksum: number;

        /** RecordedOp author. */
        author: number;

        /** RecordedOp create. */
        create?: (recoverylog.Create.$Properties|null);

        /** RecordedOp link. */
        link?: (recoverylog.Link.$Properties|null);

        /** RecordedOp unlink. */
        unlink?: (recoverylog.Link.$Properties|null);

        /** RecordedOp write. */
        write?: (recoverylog.Write.$Properties|null);

        /** RecordedOp property. */
        property?: (recoverylog.Property.$Properties|null);

        /** RecordedOp first_offset. */
        first_offset: (number|Long);

        /** RecordedOp last_offset. */
        last_offset: (number|Long);

        /** RecordedOp log. */
        log: string;

        /**
         * Encodes the specified RecordedOp message. Does not implicitly {@link recoverylog.RecordedOp.verify|verify} messages.
         * @param message RecordedOp message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.RecordedOp.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a RecordedOp message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.RecordedOp & recoverylog.RecordedOp.$Shape} RecordedOp
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.RecordedOp & recoverylog.RecordedOp.$Shape;
    }

    namespace RecordedOp {

        /** Properties of a RecordedOp. */
        interface $Properties {

            /** RecordedOp seq_no */
            seq_no?: (number|Long|null);

            /** RecordedOp checksum */
            checksum?: (number|null);

            /** RecordedOp author */
            author?: (number|null);

            /** RecordedOp create */
            create?: (recoverylog.Create.$Properties|null);

            /** RecordedOp link */
            link?: (recoverylog.Link.$Properties|null);

            /** RecordedOp unlink */
            unlink?: (recoverylog.Link.$Properties|null);

            /** RecordedOp write */
            write?: (recoverylog.Write.$Properties|null);

            /** RecordedOp property */
            property?: (recoverylog.Property.$Properties|null);

            /** RecordedOp first_offset */
            first_offset?: (number|Long|null);

            /** RecordedOp last_offset */
            last_offset?: (number|Long|null);

            /** RecordedOp log */
            log?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a RecordedOp. */
        type $Shape = recoverylog.RecordedOp.$Properties;
    }

    /**
     * Properties of a Segment.
     * @deprecated Use recoverylog.Segment.$Properties instead.
     */
    interface ISegment extends recoverylog.Segment.$Properties {
    }

    /** Represents a Segment. */
    class Segment {

        /**
         * Constructs a new Segment.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.Segment.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Segment author. */
        author: number;

        /** Segment first_seq_no. */
        first_seq_no: (number|Long);

        /** Segment first_offset. */
        first_offset: (number|Long);

        /** Segment first_checksum. */
        first_checksum: number;

        /** Segment last_seq_no. */
        last_seq_no: (number|Long);

        /** Segment last_offset. */
        last_offset: (number|Long);

        /** Segment log. */
        log: string;

        /**
         * Encodes the specified Segment message. Does not implicitly {@link recoverylog.Segment.verify|verify} messages.
         * @param message Segment message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.Segment.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Segment message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.Segment & recoverylog.Segment.$Shape} Segment
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.Segment & recoverylog.Segment.$Shape;
    }

    namespace Segment {

        /** Properties of a Segment. */
        interface $Properties {

            /** Segment author */
            author?: (number|null);

            /** Segment first_seq_no */
            first_seq_no?: (number|Long|null);

            /** Segment first_offset */
            first_offset?: (number|Long|null);

            /** Segment first_checksum */
            first_checksum?: (number|null);

            /** Segment last_seq_no */
            last_seq_no?: (number|Long|null);

            /** Segment last_offset */
            last_offset?: (number|Long|null);

            /** Segment log */
            log?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Segment. */
        type $Shape = recoverylog.Segment.$Properties;
    }

    /**
     * Properties of a FnodeSegments.
     * @deprecated Use recoverylog.FnodeSegments.$Properties instead.
     */
    interface IFnodeSegments extends recoverylog.FnodeSegments.$Properties {
    }

    /** Represents a FnodeSegments. */
    class FnodeSegments {

        /**
         * Constructs a new FnodeSegments.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.FnodeSegments.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** FnodeSegments fnode. */
        fnode: (number|Long);

        /** FnodeSegments segments. */
        segments: recoverylog.Segment.$Properties[];

        /**
         * Encodes the specified FnodeSegments message. Does not implicitly {@link recoverylog.FnodeSegments.verify|verify} messages.
         * @param message FnodeSegments message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.FnodeSegments.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a FnodeSegments message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.FnodeSegments & recoverylog.FnodeSegments.$Shape} FnodeSegments
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.FnodeSegments & recoverylog.FnodeSegments.$Shape;
    }

    namespace FnodeSegments {

        /** Properties of a FnodeSegments. */
        interface $Properties {

            /** FnodeSegments fnode */
            fnode?: (number|Long|null);

            /** FnodeSegments segments */
            segments?: (recoverylog.Segment.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a FnodeSegments. */
        type $Shape = recoverylog.FnodeSegments.$Properties;
    }

    /**
     * Properties of a FSMHints.
     * @deprecated Use recoverylog.FSMHints.$Properties instead.
     */
    interface IFSMHints extends recoverylog.FSMHints.$Properties {
    }

    /** Represents a FSMHints. */
    class FSMHints {

        /**
         * Constructs a new FSMHints.
         * @param [properties] Properties to set
         */
        constructor(properties?: recoverylog.FSMHints.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** FSMHints log. */
        log: string;

        /** FSMHints live_nodes. */
        live_nodes: recoverylog.FnodeSegments.$Properties[];

        /** FSMHints properties. */
        properties: recoverylog.Property.$Properties[];

        /**
         * Encodes the specified FSMHints message. Does not implicitly {@link recoverylog.FSMHints.verify|verify} messages.
         * @param message FSMHints message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: recoverylog.FSMHints.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a FSMHints message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {recoverylog.FSMHints & recoverylog.FSMHints.$Shape} FSMHints
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): recoverylog.FSMHints & recoverylog.FSMHints.$Shape;
    }

    namespace FSMHints {

        /** Properties of a FSMHints. */
        interface $Properties {

            /** FSMHints log */
            log?: (string|null);

            /** FSMHints live_nodes */
            live_nodes?: (recoverylog.FnodeSegments.$Properties[]|null);

            /** FSMHints properties */
            properties?: (recoverylog.Property.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a FSMHints. */
        type $Shape = recoverylog.FSMHints.$Properties;
    }
}
