// Stock Automerge loads a file and prints its contents. It reads one command per line on stdin
// and prints one line of JSON for each on stdout.
//
//   load FILE        { title, texts of all posts, changes, heads }
//   save FROM TO     load FROM, and save it in one chunk as TO
import * as Automerge from "@automerge/automerge"
import { readFileSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"

const open = file => Automerge.load(new Uint8Array(readFileSync(file)))

const commands = {
  load(file) {
    const doc = open(file)
    const texts = Object.values(doc.posts).map(post => String(Object.values(post.revisions).at(-1)))
    return { title: String(doc.event.title), texts: texts.sort(), changes: Automerge.getAllChanges(doc).length, heads: Automerge.getHeads(doc).sort() }
  },
  save(from, to) {
    writeFileSync(to, Automerge.save(open(from)))
    return {}
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = line.split(" ")
  try {
    console.log(JSON.stringify(commands[name](...args)))
  } catch (e) {
    console.log(JSON.stringify("error: " + e.message))
  }
}
