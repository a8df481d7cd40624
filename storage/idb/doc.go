// Package idb is storage in a browser's IndexedDB, for the program in a browser tab.
//
// It implements the whole Store contract. A call that writes returns once the transaction is
// complete with durability "strict": the browser has then been told to write it to disk. The
// browser may end the program at any moment; a transaction is stored completely or not at all.
// The browser may also close the connection or delete the database: the store opens it again
// automatically, and returns storage.ErrDeleted if the data is gone.
//
// It builds for js/wasm only; on other platforms the package is empty.
package idb
