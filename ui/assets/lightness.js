// Dark or light, before anything is drawn: what this browser was told last. Dark is how films are read.
// A script of the head and no module, or the page would flash in the other one first.

document.documentElement.dataset.theme = localStorage.getItem("radraft.theme") === "light" ? "light" : "dark";
