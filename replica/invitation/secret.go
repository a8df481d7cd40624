package invitation

import (
	"encoding/hex"
	"encoding/json"

	"flyleaf/keys"
	"flyleaf/qa"
)

// Secret is what the device that made an invitation stores about it, in its settings.
type Secret struct {
	Role     qa.Role
	Label    string // whom it is for, in the organiser's words
	Seed     []byte // of the invitation's private key, keys.SeedSize bytes; the link contains it
	AtMillis int64  // when it was made
}

// secretJSON is the stored form of a Secret.
type secretJSON struct {
	Role     qa.Role `json:"role"`
	Label    string  `json:"label,omitempty"`
	Seed     string  `json:"seed"` // hex
	AtMillis int64   `json:"at"`
}

// SettingsPrefix returns the prefix of the settings that hold an event's secrets. The rest
// of a setting's name is the invitation's public key, as a qa.Identity.
func SettingsPrefix(event qa.EventID) string { return "invite/" + string(event) + "/" }

// Encode returns the secret as a setting's value.
func (s Secret) Encode() (string, error) {
	b, err := json.Marshal(secretJSON{Role: s.Role, Label: s.Label, Seed: hex.EncodeToString(s.Seed), AtMillis: s.AtMillis})
	return string(b), err
}

// DecodeSecret reads a setting's value. It returns false if the value is not a secret.
func DecodeSecret(setting string) (Secret, bool) {
	var j secretJSON
	if json.Unmarshal([]byte(setting), &j) != nil {
		return Secret{}, false
	}
	seed, err := hex.DecodeString(j.Seed)
	if err != nil || len(seed) != keys.SeedSize {
		return Secret{}, false
	}
	return Secret{Role: j.Role, Label: j.Label, Seed: seed, AtMillis: j.AtMillis}, true
}
