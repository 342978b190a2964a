// Pointer gestures of a stage.
//
//   drag                        window width (left, right) and level (up, down); a tool that is chosen draws instead
//   Shift and drag, middle button   pan
//   wheel                       the next slice of a stack; with Ctrl, or on a single picture, zoom around the pointer
//   double click                back to the stored window, the whole picture

import { isAtMeasurement, type ToolName } from "./measure";
import type { Stage } from "./stage";

export interface Desk {
  tool: ToolName | null;
  active(stage: Stage): void;
  pointed(stage: Stage, place: { x: number; y: number } | null): void;
  windowed(stage: Stage): void;
  reset(stage: Stage): void;
  scrolls(stage: Stage): boolean;
}

type Drag = { pans: boolean; x: number; y: number; center: number; width: number };

/** Wire a stage to the desk until `open` is aborted. */
export function attachGestures(stage: Stage, desk: Desk, open: AbortSignal): void {
  const { element } = stage;
  let drag: Drag | null = null;
  const place = (event: MouseEvent) => {
    const box = stage.viewportElement.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  element.addEventListener("contextmenu", (event) => event.preventDefault(), { signal: open });
  element.addEventListener("pointerdown", (event) => {
    desk.active(stage);
    // Tools keep the browser from doing it.
    element.focus({ preventScroll: true });
    if (!stage.painted) return;
    const pans = event.button === 1 || event.shiftKey;
    if (!pans && (desk.tool || isAtMeasurement())) return;
    drag = { pans, ...place(event), center: stage.current.center, width: stage.current.width };
    element.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault();
  }, { signal: open });
  element.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (!drag) {
      desk.pointed(stage, now);
      return;
    }
    const dx = now.x - drag.x;
    const dy = now.y - drag.y;
    if (drag.pans) {
      stage.pan(dx, dy);
      Object.assign(drag, now);
      return;
    }
    // One stage-width of travel doubles or more any window, however narrow it began.
    const own = stage.facts?.window[1] ?? drag.width;
    const step = Math.max(1, Math.abs(own)) / 400;
    stage.setLook({ center: drag.center + dy * step, width: drag.width + dx * step });
    desk.windowed(stage);
  }, { signal: open });
  const end = () => {
    drag = null;
  };
  element.addEventListener("pointerup", end, { signal: open });
  element.addEventListener("pointercancel", end, { signal: open });
  element.addEventListener("pointerleave", () => desk.pointed(stage, null), { signal: open });
  element.addEventListener("dblclick", () => desk.reset(stage), { signal: open });
  let travelled = 0;
  element.addEventListener(
    "wheel",
    (event) => {
      if (!stage.stack) return;
      event.preventDefault();
      desk.active(stage);
      if (!event.ctrlKey && desk.scrolls(stage)) {
        // A notch of a wheel is one slice; of what a touchpad sends, some forty pixels are.
        travelled = Math.sign(event.deltaY) === Math.sign(travelled) ? travelled + event.deltaY : event.deltaY;
        const notch = event.deltaMode === 0 ? 40 : 1;
        if (Math.abs(travelled) < notch) return;
        stage.scroll(Math.sign(travelled) * Math.max(1, Math.floor(Math.abs(event.deltaY) / 120)));
        travelled = 0;
        return;
      }
      const { x, y } = place(event);
      stage.zoomAt(x, y, Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)));
    },
    { passive: false, signal: open },
  );
}
