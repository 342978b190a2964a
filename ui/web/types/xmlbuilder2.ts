// vtk.js reads meshes from XML with it; no mesh is shown here.

export function create(): never {
  throw new Error("xmlbuilder2_left_out");
}
export default { create };
