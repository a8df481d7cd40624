package node

import (
	"errors"
	"slices"
	"testing"

	"flyleaf/qa"
)

// TestChangeIdentity: the previous key is kept before the other one is saved, and nothing is done if somebody else has
// written on the device, unless that was confirmed, or if a step fails.
func TestChangeIdentity(t *testing.T) {
	disk := errors.New("no space left on device")
	for _, c := range []struct {
		name            string
		now, other      qa.Identity
		replace         bool
		check, setAside error
		done            []string
		err             error
	}{
		{"the same", "a", "a", true, disk, disk, nil, nil},
		{"nothing written", "a", "b", false, nil, nil, []string{"check", "set aside", "save"}, nil},
		{"written", "a", "b", false, ErrOtherIdentity, nil, []string{"check"}, ErrOtherIdentity},
		{"written, confirmed", "a", "b", true, ErrOtherIdentity, nil, []string{"check", "set aside", "save"}, nil},
		{"unreadable key", "", "b", true, nil, nil, []string{"check", "set aside", "save"}, nil},
		{"unreadable store", "a", "b", true, disk, nil, []string{"check"}, disk},
		{"not kept", "a", "b", true, nil, disk, []string{"check", "set aside"}, disk},
	} {
		var done []string
		step := func(name string, err error) func() error {
			return func() error {
				done = append(done, name)
				return err
			}
		}
		changed, err := ChangeIdentity(c.now, c.other, c.replace, step("check", c.check), step("set aside", c.setAside), step("save", nil))
		if !errors.Is(err, c.err) || changed != (len(c.done) == 3) || !slices.Equal(done, c.done) {
			t.Errorf("%s: changed %v, %v, done %q", c.name, changed, err, done)
		}
	}
}
