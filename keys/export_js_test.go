//go:build js && wasm

package keys

import "encoding/hex"

// BrowserVerifies reports whether the browser alone says that sig is public's signature of message.
func BrowserVerifies(public, message, sig []byte) bool { return webCrypto.verify(public, message, sig) }

// AcceptWrongly makes a signature the only one that WebCrypto must refuse, until undo is called. No
// signature may be verified at the same time as either call.
func AcceptWrongly(public, message, sig []byte) (undo func()) {
	before := mustRefuse
	mustRefuse, webCrypto.checked = []*verification{{public: public, message: message, sig: sig}}, false
	return func() { mustRefuse, webCrypto.checked = before, false }
}

// MustRefuse returns the signatures of mustRefuse, in hex.
func MustRefuse() (sigs []string) {
	for _, one := range mustRefuse {
		sigs = append(sigs, hex.EncodeToString(one.sig))
	}
	return sigs
}
