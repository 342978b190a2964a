// Values of one key image through a window into grey levels (DICOM PS3.3 C.11.2.1.2, linear).

/** Grey level of every int16 value, as little-endian RGBA words. */
export function lookup({ center, width, invert }) {
  const table = new Uint32Array(65536);
  const low = center - 0.5 - (width - 1) / 2;
  const span = Math.max(1, width - 1);
  for (let value = -32768; value <= 32767; value += 1) {
    const share = Math.min(1, Math.max(0, (value - low) / span));
    const level = Math.round(255 * (invert ? 1 - share : share));
    table[value & 0xffff] = 0xff000000 | (level << 16) | (level << 8) | level;
  }
  return table;
}

/** Paint `image` ({values, columns, rows}) through `view`'s window into `canvas`. */
export function paint(canvas, image, view) {
  canvas.width = image.columns;
  canvas.height = image.rows;
  const context = canvas.getContext("2d");
  const data = context.createImageData(image.columns, image.rows);
  const words = new Uint32Array(data.data.buffer);
  const table = lookup(view);
  const { values } = image;
  for (let index = 0; index < values.length; index += 1) words[index] = table[values[index] & 0xffff];
  context.putImageData(data, 0, 0);
}

/** Presets of computed tomography in Hounsfield units: [centre, width]. */
export const CT_PRESETS = { lung: [-600, 1500], bone: [400, 1800], soft: [40, 400], brain: [40, 80] };

/** A picture as an image of 8-bit values: what can be shown of a frame before it is a key image. */
export async function greyValues(src) {
  const answer = await fetch(src);
  if (!answer.ok) throw new Error(String(answer.status));
  const picture = await createImageBitmap(await answer.blob());
  const { width: columns, height: rows } = picture;
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, columns, rows);
  const values = Int16Array.from({ length: columns * rows }, (_, index) => data[4 * index]);
  return { values, columns, rows, window: [128, 256] };
}
