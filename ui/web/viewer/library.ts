// Pictures for Cornerstone3D: how they are loaded, what is told of them, and how many are kept.

import { Enums, cache, imageLoader, metaData, utilities, type Types } from "@cornerstonejs/core";

import { frame, keyImage, type Facts, type Frame, type StoredImage } from "./frames";

const SCHEME = "radraft";
const MIB = 1 << 20;

/** What each picture that was asked for is, by its Cornerstone image id. */
const facts = new Map<string, Facts>();
const stored = new Map<string, { image: StoredImage; modality: string }>();

/** Whole and small picture of one frame of a study. */
export function fullId(caseId: string, place: string): string {
  return `${SCHEME}:full/${caseId}/${place}`;
}

export function previewId(caseId: string, place: string): string {
  return `${SCHEME}:preview/${caseId}/${place}`;
}

/** A stored key image. */
export function keyId(image: StoredImage, modality: string): string {
  const imageId = `${SCHEME}:key/${image.image_id}`;
  stored.set(imageId, { image, modality });
  return imageId;
}

/** What is known of a picture that was loaded. */
export function factsOf(imageId: string): Facts | undefined {
  return facts.get(imageId);
}

/** Values of a loaded picture, row by row. */
export function valuesOf(imageId: string): ArrayLike<number> | undefined {
  const image = cache.getImage(imageId);
  return image && (image as Types.IImage & { measured: ArrayLike<number> }).measured;
}

export function isLoaded(imageId: string): boolean {
  return Boolean(cache.getImage(imageId));
}

/** What is on its way, and what came and is not a picture yet. */
const coming = new Map<string, Promise<Types.IImage>>();
const came = new Map<string, Frame>();

/** Have a picture loaded. ApiError with the code of why not, which Cornerstone is not told of. */
export function load(imageId: string): Promise<Types.IImage> {
  const there = coming.get(imageId);
  if (there) return there;
  const asked = isLoaded(imageId) ? Promise.resolve() : fetched(imageId).then((frame) => void came.set(imageId, frame));
  const picture = asked
    .then(() => imageLoader.loadAndCacheImage(imageId))
    .finally(() => {
      coming.delete(imageId);
      came.delete(imageId);
    });
  coming.set(imageId, picture);
  return picture;
}

/** Bytes of pictures that this page keeps: fewer on a small computer. */
export function budget(): number {
  const { deviceMemory } = navigator as Navigator & { deviceMemory?: number };
  return (deviceMemory !== undefined && deviceMemory <= 4 ? 192 : 512) * MIB;
}

/** Have Cornerstone load our pictures, and keep no more than it may. */
export function install(): void {
  cache.setMaxCacheSize(budget());
  imageLoader.registerImageLoader(SCHEME, (imageId: string) => ({ promise: made(imageId) }));
  metaData.addProvider(told, 10_000);
}

async function made(imageId: string): Promise<Types.IImage> {
  const shown = came.get(imageId) ?? (await fetched(imageId));
  facts.set(imageId, shown.facts);
  return picture(imageId, shown);
}

async function fetched(imageId: string): Promise<Frame> {
  const [kind, caseId, ...place] = imageId.slice(SCHEME.length + 1).split("/");
  if (kind === "key") {
    const { image, modality } = stored.get(imageId)!;
    return keyImage(image, modality);
  }
  const shown = await frame(caseId, place.join("/"), kind === "preview");
  return kind === "preview" ? enlarged(shown) : shown;
}

/** A preview at the size of the whole, so that both lie in the same place. */
function enlarged({ facts: said, values }: Frame): Frame {
  const { rows, columns, whole_rows: high, whole_columns: wide } = said;
  if (rows === high && columns === wide) return { facts: said, values };
  const large = new (values.constructor as { new (count: number): typeof values })(high * wide);
  const across = Int32Array.from({ length: wide }, (_, column) => Math.min(columns - 1, Math.floor((column * columns) / wide)));
  for (let row = 0; row < high; row += 1) {
    const from = Math.min(rows - 1, Math.floor((row * rows) / high)) * columns;
    for (let column = 0; column < wide; column += 1) large[row * wide + column] = values[from + across[column]];
  }
  return { facts: { ...said, rows: high, columns: wide }, values: large };
}

function picture(imageId: string, { facts: said, values }: Frame): Types.IImage {
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const [centre, width] = said.window;
  const { rows, columns } = said;
  const [down, across] = said.spacing ?? [1, 1];
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({
    width: columns,
    height: rows,
    scalarData: values,
    numberOfComponents: 1,
  });
  // A slope that is no whole number has Cornerstone draw fractions; what is whole it draws by a table of its values.
  const fraction = values instanceof Float32Array;
  const scaled = { enabled: true, scaled: true, scalingParameters: { rescaleSlope: fraction ? 0.5 : 1, rescaleIntercept: 0 } };
  return {
    imageId,
    minPixelValue: low,
    maxPixelValue: high,
    slope: 1,
    intercept: 0,
    windowCenter: centre,
    windowWidth: width,
    voiLUTFunction: Enums.VOILUTFunctionType.LINEAR,
    getPixelData: () => values,
    getCanvas: () => document.createElement("canvas"),
    rows,
    columns,
    height: rows,
    width: columns,
    color: false,
    rgba: false,
    numberOfComponents: 1,
    columnPixelSpacing: across,
    rowPixelSpacing: down,
    invert: said.inverted,
    sizeInBytes: values.byteLength,
    dataType: values.constructor.name as Types.PixelDataTypedArrayString,
    voxelManager,
    preScale: scaled,
    // What is measured in: Cornerstone may put whole numbers of its own in the place of fractions, to draw them.
    measured: values,
  } as Types.IImage;
}

/** What Cornerstone asks about a picture. */
function told(type: string, imageId: unknown): unknown {
  const said = typeof imageId === "string" ? facts.get(imageId) : undefined;
  if (!said) return undefined;
  if (type === Enums.MetadataModules.IMAGE_PLANE) return plane(said);
  if (type === Enums.MetadataModules.IMAGE_PIXEL) {
    return {
      bitsAllocated: 16,
      bitsStored: 16,
      samplesPerPixel: 1,
      highBit: 15,
      photometricInterpretation: said.inverted ? "MONOCHROME1" : "MONOCHROME2",
      pixelRepresentation: said.signed ? 1 : 0,
    };
  }
  if (type === Enums.MetadataModules.GENERAL_SERIES) return { modality: said.unit === "HU" ? "CT" : "OT" };
  if (type === Enums.MetadataModules.VOI_LUT) return { windowCenter: [said.window[0]], windowWidth: [said.window[1]] };
  return undefined;
}

function plane(said: Facts): object {
  const { orientation, spacing, position } = said;
  const [down, across] = spacing ?? [1, 1];
  const cosines = orientation ?? [1, 0, 0, 0, 1, 0];
  return {
    // Pictures of which nothing is known lie in no common space: no line of one is drawn in another.
    frameOfReferenceUID: position && orientation ? said.space : undefined,
    rows: said.rows,
    columns: said.columns,
    imageOrientationPatient: cosines,
    rowCosines: cosines.slice(0, 3),
    columnCosines: cosines.slice(3),
    imagePositionPatient: position ?? [0, 0, 0],
    pixelSpacing: [down, across],
    rowPixelSpacing: down,
    columnPixelSpacing: across,
    usingDefaultValues: spacing === null,
  };
}
