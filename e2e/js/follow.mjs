// A stock automerge-repo client that follows an event:
//
//   node follow.mjs ws://HOST:PORT DOCUMENT-ID
//
// It prints one JSON object per line. "posts" has every post with the text of its latest
// revision, sorted by post ID:
//
//   {"on":"ready","posts":[{"id","parent","text"}]}       the document has loaded
//   {"on":"change","posts":[...]}                         it has changed
//   {"on":"missing","id","why"}                           a document is unavailable
//   {"on":"peer","id"}, {"on":"gone","id"}                connected, disconnected
//   {"on":"ephemeral","data"}                             another client's ephemeral message
//
// It reads one command per line on stdin, and exits when stdin closes.
//
//   find ID          open another document: "found" or "missing"
//   broadcast TEXT   send an ephemeral message
//   scribble TEXT    make an unsigned change, as any Automerge program can
//   send JSON        send an arbitrary message through the adapter
//   raw HEX          send a binary frame
//   text TEXT        send a text frame
import { Repo } from "@automerge/automerge-repo"
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
import { createInterface } from "node:readline"

const [url, id] = process.argv.slice(2)
const retryMillis = 200

function say(on, what) {
  process.stdout.write(JSON.stringify({ on, ...what }) + "\n")
}

// A revision ID is "<counter>-<base32 of the device>". The highest counter is the latest. For
// equal counters the order of base32 decides, in which letters come before digits.
function laterRevision(a, b) {
  const [counterA, deviceA] = a.split("-")
  const [counterB, deviceB] = b.split("-")
  if (counterA !== counterB) return Number(counterA) > Number(counterB)
  const order = device => device.replace(/[2-7]/g, digit => "{|}~\x7f\x80"["234567".indexOf(digit)])
  return order(deviceA) > order(deviceB)
}

function posts(doc) {
  return Object.entries(doc.posts).map(([id, post]) => {
    const latest = Object.keys(post.revisions).reduce((a, b) => (laterRevision(b, a) ? b : a))
    return { id, parent: String(post.parent), text: String(post.revisions[latest]) }
  })
}

const adapter = new WebSocketClientAdapter(url, retryMillis)
const repo = new Repo({ network: [adapter] })
adapter.on("peer-candidate", ({ peerId }) => say("peer", { id: peerId }))
adapter.on("peer-disconnected", ({ peerId }) => say("gone", { id: peerId }))

let event
const commands = {
  async find(id) {
    try {
      await repo.find(id)
      say("found", { id })
    } catch (error) {
      say("missing", { id, why: String(error) })
    }
  },
  broadcast(text) {
    event.broadcast(text)
  },
  scribble(text) {
    event.change(doc => {
      doc.scribble = text
    })
  },
  send(json) {
    adapter.send(JSON.parse(json))
  },
  raw(hex) {
    adapter.socket.send(Buffer.from(hex, "hex"))
  },
  text(text) {
    adapter.socket.send(text)
  },
}

createInterface({ input: process.stdin })
  .on("close", () => process.exit(0))
  .on("line", line => {
    const [name] = line.split(" ", 1)
    commands[name](line.slice(name.length + 1))
  })

try {
  event = await repo.find(id)
  event.on("change", ({ doc }) => say("change", { posts: posts(doc) }))
  event.on("ephemeral-message", ({ message }) => say("ephemeral", { data: message }))
  say("ready", { posts: posts(event.doc()) })
} catch (error) {
  say("missing", { id, why: String(error) })
}
