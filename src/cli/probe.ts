/**
 * holdfast store probe: is this store fit for a journal?
 */
import { EXIT } from '../api/index.ts';
import { ensureError, errorCode, systemClock, systemRandom } from '../base/index.ts';
import { openStore, probeStore } from '../store/index.ts';

/** Prints the report; @returns the exit code */
export async function probe(url: string, json: boolean): Promise<number> {
  try {
    const store = openStore(url);
    const report = await probeStore(store, { clock: systemClock, random: systemRandom });
    await store.close();
    if (json) console.log(JSON.stringify({ url: store.url, ...report }));
    else {
      for (const { name, ok, detail } of report.properties)
        console.log(`${ok ? 'ok  ' : 'FAIL'}  ${name}: ${detail}`);
      console.log(report.ok ? `${store.url} can hold journals` : `${store.url} must not hold journals`);
    }
    return report.ok ? EXIT.ok : EXIT.storeRefused;
  } catch (thrown) {
    const error = ensureError(thrown);
    const code = errorCode(error) ?? 'INTERNAL';
    if (json) console.log(JSON.stringify({ url, ok: false, error: { code, message: error.message } }));
    else console.error(`${code}: ${error.message}`);
    return code === 'STORE_URL_INVALID' ? EXIT.configuration : EXIT.storeRefused;
  }
}
