// Stock Automerge reads and makes changes. It reads one command per line on stdin and prints
// one line of JSON for each on stdout. Bytes are hex.
//
//   decode HEX...            each change as decoded by decodeChange
//   load HEX                 the changes of a saved document, in hex
//   make SEED                a random document with every type: [{hex, says}]
//
// Values are written as their type and a text, because JSON loses -0, NaN and the difference
// between 1 and 1.0.
import * as Automerge from "@automerge/automerge"
import { createInterface } from "node:readline"

const hex = bytes => Buffer.from(bytes).toString("hex")
const bytes = text => new Uint8Array(Buffer.from(text, "hex"))

function valueOf({ action, datatype, value }) {
  if (value === undefined || value === null) return "null"
  if (action === "inc") return "int " + value
  if (typeof value === "boolean") return "bool " + value
  if (typeof value === "string") return "str " + value
  if (typeof value === "object") return "bytes " + hex(value)
  if (datatype === "float64") {
    const bits = Buffer.alloc(8)
    bits.writeDoubleBE(value)
    return "float64 " + bits.toString("hex")
  }
  return (datatype ?? "number") + " " + value // a mark's number comes without its type
}

function says(change) {
  const { actor, hash, seq, startOp, time, message, deps, ops, extraBytes } = Automerge.decodeChange(change)
  return {
    actor,
    hash,
    seq,
    startOp,
    time,
    message: message ?? "",
    deps,
    extra: extraBytes ? hex(extraBytes) : "",
    ops: ops.map(op => ({
      action: op.action,
      obj: op.obj,
      key: op.key ?? "",
      elem: op.elemId ?? "",
      insert: !!op.insert,
      expand: !!op.expand,
      mark: op.name ?? "",
      value: valueOf(op),
      pred: op.pred ?? [],
    })),
  }
}

// mulberry32, a small random number generator that gives the same numbers everywhere.
function random(seed) {
  let a = seed >>> 0
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const upTo = n => Math.floor(next() * n)
  return { upTo, pick: list => list[upTo(list.length)] }
}

const words = ["", "a", "word", "zwei Wörter", "😀 two", "e\u0301", "x".repeat(70), "line\nline", "\u0000"]

function scalar(r) {
  switch (r.upTo(12)) {
    case 0:
      return null
    case 1:
      return r.upTo(2) === 0
    case 2:
      return r.pick([0, -0, 1.5, -2.25, 1e-300, 5e-324, Infinity, -Infinity, Math.PI])
    case 3:
      return r.pick([1, -1, 63, 64, -64, -65, 2 ** 31, -(2 ** 31), 2 ** 52])
    case 4:
      return new Automerge.Uint(r.pick([1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER]))
    case 5:
      return new Automerge.Int(r.pick([1, -1, -8192, 8191, Number.MIN_SAFE_INTEGER]))
    case 6:
      return new Date(r.pick([0, 1, 1790000000000, -5]))
    case 7:
      return new Uint8Array(Array.from({ length: r.upTo(20) }, () => r.upTo(256)))
    case 8:
      return new Automerge.Counter(r.upTo(100) - 50)
    case 9:
      return new Automerge.ImmutableString(r.pick(words))
    default:
      return r.pick(words) // becomes a text object
  }
}

function any(r, depth) {
  const k = r.upTo(depth > 2 ? 4 : 6)
  if (k === 4) return Array.from({ length: r.upTo(5) }, () => any(r, depth + 1))
  if (k === 5) return Object.fromEntries(Array.from({ length: r.upTo(4) }, (_, i) => ["k" + i, any(r, depth + 1)]))
  return scalar(r)
}

// A counter created in the same change cannot be incremented yet.
const isCounter = v => Automerge.isCounter(v) && typeof v.increment === "function"
const isMap = v => v !== null && typeof v === "object" && v.constructor === Object

// edit makes a random change below doc.
function edit(r, doc) {
  let at = doc
  const path = []
  for (let depth = 0; depth < 4; depth++) {
    const keys = Object.keys(at).filter(k => Array.isArray(at[k]) || isMap(at[k]))
    if (keys.length === 0 || r.upTo(3) === 0) break
    const key = r.pick(keys)
    path.push(Array.isArray(at) ? Number(key) : key)
    at = at[key]
  }
  const keys = Object.keys(at)
  const key = keys.length > 0 ? r.pick(keys) : undefined
  const old = key === undefined ? undefined : at[key]
  if (isCounter(old) && r.upTo(3) > 0) {
    old.increment(r.upTo(9) - 4)
    return
  }
  if (typeof old === "string" && r.upTo(4) > 0) {
    const where = [...path, Array.isArray(at) ? Number(key) : key]
    const text = [...old]
    const start = r.upTo(text.length + 1)
    const end = start + r.upTo(text.length - start + 1)
    // Positions are in UTF-16 code units and must be between characters.
    const units = n => text.slice(0, n).join("").length
    if (r.upTo(3) === 0 && end > start) {
      const range = { start: units(start), end: units(end), expand: r.pick(["none", "before", "after", "both"]) }
      if (r.upTo(4) === 0) Automerge.unmark(doc, where, range, "bold")
      else Automerge.mark(doc, where, range, r.pick(["bold", "link"]), r.pick([true, "https://example.org", 7, null]))
    } else {
      Automerge.splice(doc, where, units(start), units(end) - units(start), r.pick(words))
    }
    return
  }
  if (Array.isArray(at)) {
    const i = r.upTo(at.length + 1)
    if (i < at.length && r.upTo(3) === 0) at.splice(i, 1)
    else if (i < at.length && r.upTo(2) === 0) at[i] = any(r, 2)
    else at.splice(i, 0, ...Array.from({ length: 1 + r.upTo(3) }, () => any(r, 2)))
    return
  }
  if (key !== undefined && r.upTo(4) === 0) delete at[key]
  else at[r.pick(["a", "b", "c", "ключ", "long ".repeat(20)])] = any(r, 1)
}

function make(seed) {
  const r = random(seed)
  const docs = Array.from({ length: 1 + r.upTo(4) }, (_, i) =>
    Automerge.init({ actor: hex(Uint8Array.from({ length: r.pick([1, 16, 40, 130]) }, (_, k) => (k ? r.upTo(256) : i))) }),
  )
  for (let n = 0; n < 40; n++) {
    const i = r.upTo(docs.length)
    const other = r.upTo(docs.length)
    if (other !== i && r.upTo(4) === 0) docs[i] = Automerge.merge(docs[i], docs[other])
    const how = { time: r.pick([0, 1, 1790000000, -1]), message: r.pick([undefined, "", "why", "grüße"]) }
    if (r.upTo(12) === 0) {
      docs[i] = Automerge.emptyChange(docs[i], how)
      continue
    }
    docs[i] = Automerge.change(docs[i], how, doc => {
      for (let k = 1 + r.upTo(5); k > 0; k--) edit(r, doc)
    })
  }
  const all = new Map()
  for (const doc of docs) {
    for (const change of Automerge.getAllChanges(doc)) {
      const what = { hex: hex(change), says: says(change) }
      all.set(what.says.hash, what)
    }
  }
  docs.forEach(doc => Automerge.free(doc))
  return [...all.values()]
}

const commands = {
  decode: (...changes) => changes.map(c => says(bytes(c))),
  load(saved) {
    const doc = Automerge.load(bytes(saved))
    const changes = Automerge.getAllChanges(doc).map(hex)
    Automerge.free(doc)
    return changes
  },
  make: seed => make(Number(seed)),
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = line.split(" ")
  try {
    process.stdout.write(JSON.stringify(commands[name](...args)) + "\n")
  } catch (error) {
    process.stdout.write(JSON.stringify("error " + String(error)) + "\n")
  }
}
