// Checks in the browser that an entry stands in the log: from its bytes, hash by hash, to the root of a signed checkpoint.
// It believes nothing that the page says about itself but the bytes it shows (RFC 9162 2.1.3.2, C2SP signed notes).
"use strict";

{
  const MARK = "— ";
  const hash = async (...parts) =>
    new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);
  const text = (id) => document.getElementById(id)?.textContent ?? null;

  const climb = async (index, size, leaf, path) => {
    let at = index;
    let last = size - 1;
    let found = leaf;
    for (const sibling of path) {
      if (last === 0) return null;
      if (at % 2 === 1 || at === last) {
        found = await hash(Uint8Array.of(1), sibling, found);
        while (at !== 0 && at % 2 === 0) {
          at = Math.floor(at / 2);
          last = Math.floor(last / 2);
        }
      } else {
        found = await hash(Uint8Array.of(1), found, sibling);
      }
      at = Math.floor(at / 2);
      last = Math.floor(last / 2);
    }
    return last === 0 ? found : null;
  };

  // True, false, or null where this browser knows no Ed25519.
  const signed = async (note, vkey) => {
    const [name, id, key] = [vkey.split("+")[0], vkey.split("+")[1], vkey.split("+").slice(2).join("+")];
    const end = note.lastIndexOf("\n\n");
    const body = new TextEncoder().encode(note.slice(0, end + 1));
    const raw = bytes(key);
    const own = await hash(new TextEncoder().encode(`${name}\n`), raw);
    const hex = [...own.slice(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const line = note
      .slice(end + 2)
      .split("\n")
      .find((one) => one.startsWith(`${MARK}${name} `));
    if (hex !== id || raw[0] !== 1 || line === undefined) return false;
    const blob = bytes(line.slice(line.lastIndexOf(" ") + 1));
    if (!same(blob.slice(0, 4), own.slice(0, 4))) return false;
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", raw.slice(1), { name: "Ed25519" }, false, ["verify"]);
    } catch {
      return null;
    }
    return crypto.subtle.verify({ name: "Ed25519" }, imported, blob.slice(4), body);
  };

  const check = async () => {
    const proof = text("tlog-proof");
    const entry = text("entry");
    if (proof === null || entry === null) return null;
    const cut = proof.indexOf("\n\n");
    const lines = proof.slice(0, cut).split("\n");
    const note = proof.slice(cut + 2);
    const [, size, root] = note.split("\n");
    if (lines[0] !== "c2sp.org/tlog-proof@v1" || !/^index [0-9]+$/.test(lines[1])) return "bad";
    const leaf = await hash(Uint8Array.of(0), new TextEncoder().encode(entry));
    const found = await climb(Number(lines[1].slice(6)), Number(size), leaf, lines.slice(2).map(bytes));
    if (found === null || !same(found, bytes(root))) return "bad";
    const vouched = await signed(note, text("vkey").trim());
    if (vouched === null) return "path";
    return vouched ? "good" : "bad";
  };

  const SAYS = {
    good: "Checked in this browser: the entry leads to the root, and the log's key signed that root.",
    path: "Checked in this browser: the entry leads to the root. Its signature is checked by `strongroom audit verify`: this browser knows no Ed25519.",
    bad: "This entry does not lead to a signed root. Keep the three files, and run `strongroom audit verify`.",
  };

  check()
    .catch(() => "bad")
    .then((outcome) => {
      const said = document.getElementById("checked");
      if (outcome === null || said === null) return;
      said.textContent = SAYS[outcome];
      said.classList.toggle("bad", outcome === "bad");
      said.classList.toggle("heed", outcome === "path");
      said.dataset.outcome = outcome;
      said.hidden = false;
    });
}
