// A page that pulls a document with automerge-repo's own browser client: the Repo of npm, its
// WebSocket adapter and its IndexedDB storage. bench/tab bundles it, and measures it beside a tab
// with Flyleaf. The page's address ends with #RELAY,DOCUMENT-ID,POSTS. When the document has that
// many posts and they are stored, document.title is "stored".
import { Repo } from "@automerge/automerge-repo"
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb"
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"

const [relay, id, posts] = location.hash.slice(1).split(",")
const repo = new Repo({ network: [new WebSocketClientAdapter(relay)], storage: new IndexedDBStorageAdapter() })
const handle = await repo.find(id)
while (Object.keys(handle.doc().posts).length < Number(posts)) {
  await new Promise(resolve => handle.once("change", resolve))
}
await repo.flush([handle.documentId])
document.title = "stored"
