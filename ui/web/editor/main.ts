// The texts of a report's sentences: what ui/assets/editor.js puts into its rows.

export { TextField } from "./field";
