// Pointer gestures on the viewer's stage.
//   drag (left or right)        window/level: right is wider, down is darker
//   drag with Shift or middle   pan
//   wheel                       zoom at the pointer
//   double click                back to the stored window, fitted

/** Wire `stage` to `viewer` (setWindow, pan, zoomAt, reset, corners). */
export function attachGestures(stage, viewer) {
  let drag = null;
  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("pointerdown", (event) => {
    if (!viewer.image) return;
    const pans = event.button === 1 || event.shiftKey;
    drag = { pans, ...place(event), center: viewer.view.center, width: viewer.view.width };
    stage.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (!drag) {
      viewer.corners(now);
      return;
    }
    const dx = now.x - drag.x;
    const dy = now.y - drag.y;
    if (drag.pans) {
      viewer.pan(dx, dy);
      Object.assign(drag, now);
      return;
    }
    // One stage-width of travel doubles or more any window, however narrow it began.
    const step = Math.max(1, Math.abs(viewer.image.window[1])) / 400;
    viewer.setWindow(drag.center + dy * step, drag.width + dx * step);
  });
  const end = () => {
    drag = null;
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
  stage.addEventListener("pointerleave", () => viewer.corners());
  stage.addEventListener("dblclick", () => viewer.reset());
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!viewer.image) return;
      event.preventDefault();
      const { x, y } = place(event);
      viewer.zoomAt(x, y, Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)));
    },
    { passive: false },
  );
}
