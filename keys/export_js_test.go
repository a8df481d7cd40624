//go:build js && wasm

package keys

// BrowserVerifies reports whether the browser alone says that sig is public's signature of message.
func BrowserVerifies(public, message, sig []byte) bool { return webCrypto.verify(public, message, sig) }
