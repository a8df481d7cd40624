package qa

import (
	"reflect"
	"strings"
	"testing"

	"flyleaf/schema"
)

// TestCheckValue: for each row of the schema, values of other types, too long, out of range and of a
// wrong form are refused with their reason, and the longest value is accepted.
func TestCheckValue(t *testing.T) {
	fits := map[schema.Type]any{
		schema.Identity: strings.Repeat("0a", 32), schema.Hash: strings.Repeat("0a", 32), schema.EventID: string(MakeEventID([16]byte{1})),
		schema.PostID: string(MakePostID(Identity(strings.Repeat("0a", 32)), []byte(strings.Repeat("a", 40)), 7)),
		schema.Time:   int64(-schema.MaxInteger), schema.Number: uint64(schema.MaxInteger), schema.Flag: false,
	}
	for _, r := range schema.Rows() {
		if r.Map != schema.NoMap {
			continue
		}
		good := fits[r.Type]
		wrong := map[ValueReason][]any{WrongType: {nil, 1.5, 1}}
		switch r.Type {
		case schema.Text, schema.Line:
			good = strings.Repeat("x", r.Max)
			wrong[TooLong], wrong[WrongText] = []any{good.(string) + "x"}, []any{"a\x00", "\u200b"}
			if r.Type == schema.Line {
				wrong[WrongText] = append(wrong[WrongText], "two\nlines")
			}
		case schema.Bytes:
			good = make([]byte, r.Max)
			wrong[TooLong] = []any{make([]byte, r.Max+1)}
		case schema.Time:
			wrong[OutOfRange] = []any{int64(schema.MaxInteger + 1), int64(-schema.MaxInteger - 1)}
		case schema.Number:
			wrong[OutOfRange] = []any{uint64(schema.MaxInteger + 1)}
		case schema.Flag:
		case schema.Word:
			good, wrong[WrongForm] = r.Words[0], []any{"nonsense"}
		default:
			wrong[WrongForm] = []any{"nonsense", good.(string) + "x"}
			if err := CheckValue(r, ""); (err == nil) != r.Empty {
				t.Errorf("%s, the empty string: %v", r.Path, err)
			}
		}
		for _, other := range []any{"", []byte{}, int64(0), uint64(0), true} {
			if reflect.TypeOf(other) != reflect.TypeOf(good) {
				wrong[WrongType] = append(wrong[WrongType], other)
			}
		}
		if err := CheckValue(r, good); err != nil {
			t.Errorf("%s: %v is refused: %+v", r.Path, good, err)
		}
		for reason, values := range wrong {
			for _, v := range values {
				if err := CheckValue(r, v); err == nil || err.Reason != reason {
					t.Errorf("%s: %T %.20v: %+v, want reason %d", r.Path, v, v, err, reason)
				}
			}
		}
	}
}
