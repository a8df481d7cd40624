package schema_test

import (
	"testing"

	"flyleaf/schema"
)

// TestFieldNamesAreUnique: of two fields with one name, the projection and the change feed would
// show only one.
func TestFieldNamesAreUnique(t *testing.T) {
	for _, kind := range []string{schema.KindEvent, schema.KindClub} {
		fields := map[string]string{}
		for _, r := range schema.Fields(kind) {
			if other, twice := fields[r.Field]; twice {
				t.Errorf("the field %s of the %s is both %s and %s", r.Field, kind, other, r.Path)
			}
			fields[r.Field] = r.Path
		}
		if len(fields) == 0 {
			t.Errorf("the %s has no fields", kind)
		}
	}
}
