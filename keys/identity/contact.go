package identity

import "errors"

// MaxContact is how many bytes of UTF-8 the contact of a winner may have. The encrypted contact then fits into
// schema.MaxContact.
const MaxContact = 600

// ErrContact is returned for a contact that is too long or empty.
var ErrContact = errors.New("a contact is a text of 1 to 600 bytes")
