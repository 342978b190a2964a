// What draws: the graphics card where there is one that is fit for it, else the processor.

import { init, setUseCPURendering } from "@cornerstonejs/core";

/** For tests, and for whoever has to find out what a graphics card does wrong: `gpu` or `cpu`. */
const WANTED = "radraft.rendering";
let byCard = false;

export async function beginRendering(): Promise<void> {
  await init();
  const wanted = localStorage.getItem(WANTED);
  byCard = wanted ? wanted === "gpu" : hasCard();
  setUseCPURendering(!byCard);
  document.documentElement.dataset.rendering = byCard ? "gpu" : "cpu";
}

/** Pixels from a pixel's upper left corner to where Cornerstone counts it: the card has its middle there. */
export function pixelShift(): number {
  return byCard ? 0.5 : 0;
}

/** Programs that stand for a graphics card: the processor alone is faster without them. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

function hasCard(): boolean {
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!context) return false;
  const named = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(name);
}
