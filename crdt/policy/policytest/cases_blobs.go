package policytest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/schema"
)

// picture adds a blob of these bytes under the hash of `under`.
func picture(d *Draft, bytes, under string) {
	sum := sha256.Sum256([]byte(under))
	d.Set("blobs/"+hex.EncodeToString(sum[:]), wire.BytesValue([]byte(bytes)))
}

func (b *build) blobs() {
	b.addBy(founder, policy.CodeBlob, "a picture that does not match its hash", func(_ *scene, d *Draft) { picture(d, "a picture", "another") })
	b.addBy(founder, policy.CodeBlob, "a picture with other operations", func(_ *scene, d *Draft) {
		picture(d, "a picture", "a picture")
		d.Str("event/title", "A")
	})
	b.addBy(founder, policy.CodeLimit, "over-long: a picture", func(_ *scene, d *Draft) {
		big := strings.Repeat("x", schema.MaxBlob+1)
		picture(d, big, big)
	})
}
