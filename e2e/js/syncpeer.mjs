// One peer of a sync conversation, played by stock Automerge. It reads one command per line on
// stdin and prints one line for each on stdout. Bytes are hex.
//
//   new               start with an empty document           ok
//   load HEX...       apply changes                          ok
//   edit KEY VALUE    make a change                          change HEX
//   fresh             forget the sync state                  ok
//   restart           save and load the sync state           ok
//   generate          the next message                       message HEX | silent
//   receive HEX       process a message                      ok
//   heads             the document's heads, ascending        heads HASH...
import * as Automerge from "@automerge/automerge"
import { createInterface } from "node:readline"

const hex = bytes => Buffer.from(bytes).toString("hex")
const bytes = text => new Uint8Array(Buffer.from(text, "hex"))

let doc = Automerge.init()
let state = Automerge.initSyncState()

const commands = {
  new() {
    Automerge.free(doc)
    doc = Automerge.init()
    state = Automerge.initSyncState()
    return "ok"
  },
  load(...changes) {
    ;[doc] = Automerge.applyChanges(doc, changes.map(bytes))
    return "ok"
  },
  edit(key, value) {
    doc = Automerge.change(doc, d => {
      d[key] = value
    })
    return "change " + hex(Automerge.getLastLocalChange(doc))
  },
  fresh() {
    state = Automerge.initSyncState()
    return "ok"
  },
  restart() {
    state = Automerge.decodeSyncState(Automerge.encodeSyncState(state))
    return "ok"
  },
  generate() {
    const [next, message] = Automerge.generateSyncMessage(doc, state)
    state = next
    return message ? "message " + hex(message) : "silent"
  },
  receive(message) {
    ;[doc, state] = Automerge.receiveSyncMessage(doc, state, bytes(message))
    return "ok"
  },
  heads() {
    return ["heads", ...Automerge.getHeads(doc).sort()].join(" ")
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = line.split(" ")
  try {
    process.stdout.write(commands[name](...args) + "\n")
  } catch (error) {
    process.stdout.write("error " + String(error).replaceAll("\n", " ") + "\n")
  }
}
