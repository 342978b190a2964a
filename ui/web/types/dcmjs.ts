// What @cornerstonejs/metadata and @cornerstonejs/utils take from dcmjs when they are loaded. Nothing of ours reads
// DICOM in the browser, and dcmjs compiles code from strings, which a page should not be allowed to.

import log from "loglevel";

log.setDefaultLevel("error");

class Unused {}

/** Any keyword that is asked for, each with a tag of its own: what they are is never looked at here. */
const tags = new Map<string, string>();
const nameMap = new Proxy<Record<string, { tag: string }>>(
  {},
  {
    getOwnPropertyDescriptor: (_, keyword) =>
      isKeyword(keyword) ? { value: entry(keyword), configurable: true, enumerable: true, writable: true } : undefined,
    get: (_, keyword) => (isKeyword(keyword) ? entry(keyword) : undefined),
  },
);

function isKeyword(name: string | symbol): name is string {
  return typeof name === "string" && /^[A-Z]/.test(name);
}

function entry(keyword: string): { tag: string } {
  if (!tags.has(keyword)) tags.set(keyword, tags.size.toString(16).toUpperCase().padStart(8, "0"));
  const tag = tags.get(keyword)!;
  return { tag: `(${tag.slice(0, 4)},${tag.slice(4)})` };
}

export const constants = {};
export const data = { DicomMetaDictionary: { dictionary: {}, nameMap } };
export const utilities = { DicomMetadataListener: Unused };
export const async = { AsyncDicomReader: Unused };
export { log };
export default { constants, data, utilities, async, log };
