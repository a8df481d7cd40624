// Package idb is storage in a browser's IndexedDB, for the program in a browser tab.
//
// It fulfils the whole Store contract. A call that writes returns once the transaction is complete
// with durability "strict": the browser has then been told to put it on the disk. The browser may
// end the program at any moment; a transaction is whole or not there. The browser may also delete
// the database, or close the connection to it: the store opens it again by itself, and returns
// storage.ErrDeleted when what it held is no longer there.
//
// It builds for js/wasm only; on other platforms the package is empty.
package idb
