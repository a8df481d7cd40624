//go:build js && wasm

package keys

// BrowserVerifies reports whether the browser's WebCrypto alone accepts sig as public's signature
// of message.
func BrowserVerifies(public, message, sig []byte) bool { return webCrypto.verify(public, message, sig) }
