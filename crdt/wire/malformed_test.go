package wire

import (
	"errors"
	"testing"

	"flyleaf/internal/testfiles"
)

// validWithoutHistory has the lines of malformed.jsonl whose chunk is valid as far as can be checked
// without history.
var validWithoutHistory = map[string]string{
	"base":                                 "sound",
	"base2":                                "sound",
	"ctx: base":                            "sound",
	"ctx: set inside map m":                "sound",
	"no columns, startOp 1 (empty change)": "sound; CheckSchemaShape refuses it without two deps",
	"type 2 (deflate), small body":         "sound",
	"two changes in a row":                 "each is sound",

	"ctx: list insert at head of a map":                    "causal: the object is a map; CheckSchemaShape refuses it too",
	"startOp 100 without predecessors":                     "causal: startOp = 1 + max op of the past",
	"startOp 2^32-1":                                       "causal: startOp = 1 + max op of the past",
	"ctx: startOp 1 too low (2@9 beside 2@7)":              "causal: startOp = 1 + max op of the past",
	"ctx: startOp 47 too high":                             "causal: startOp = 1 + max op of the past",
	"ctx: pred outside the causal past":                    "causal: preds = live",
	"ctx: only one of two live preds":                      "causal: preds = live",
	"ctx: no pred though key is live":                      "causal: preds = live",
	"ctx: pred of another key (2@7 is m)":                  "causal: preds = live",
	"ctx: pred already overwritten in its past (1@7)":      "causal: preds = live",
	"ctx: obj is a string op (1@7)":                        "causal: the object is no make operation",
	"ctx: seq 2 whose seq 1 is not in its past":            "causal: own previous change among the deps",
	"ctx: seq 3 after seq 1":                               "causal: own previous change among the deps",
	"ctx: dep unknown (orphan)":                            "causal: it waits",
	"ctx: dep that is an ancestor of another dep, not own": "harmless",
}

// refusedWithoutHistory has the other lines, with the expected error.
var refusedWithoutHistory = map[string]error{
	"overlong LEB: chunk length":                  ErrOverlong,
	"overlong LEB: deps count":                    ErrOverlong,
	"overlong LEB: time":                          ErrOverlong,
	"overlong LEB: column count":                  ErrOverlong,
	"overlong LEB: column length":                 ErrOverlong,
	"overlong LEB: RLE count":                     ErrOverlong,
	"overlong LEB: RLE value":                     ErrOverlong,
	"overlong LEB: insert run":                    ErrOverlong,
	"overlong LEB: uint value":                    ErrOverlong,
	"overlong LEB: int value":                     ErrOverlong,
	"RLE: run of one (01 v)":                      ErrNotCanonical,
	"RLE: literal of two equal":                   ErrNotCanonical,
	"RLE: two runs of the same value":             ErrNotCanonical,
	"RLE: null run of zero length":                ErrNotCanonical,
	"null-only column written (objActor, objCtr)": ErrNotCanonical,
	"zero-length column listed (objActor)":        ErrColumnEmpty,
	"insert column absent":                        ErrColumnMissing,
	"insert column shorter than rows":             ErrColumnRows,
	"insert: extra zero run (01 00)":              ErrColumnRows,
	"expand column all false":                     ErrNotCanonical,
	"markName column null only":                   ErrNotCanonical,
	"columns out of order":                        ErrColumnOrder,
	"duplicate column":                            ErrColumnOrder,
	"unknown column id 12 string (0xc5)":          ErrColumnUnknown,
	"unknown column id 12 value meta+value":       ErrColumnUnknown,
	"deflate bit on a column":                     ErrColumnDeflate,
	"extra bytes after columns":                   ErrExtra,
	"unused other actor":                          ErrOtherActor,
	"author repeated in other actors":             ErrOtherActor,
	"empty actor":                                 ErrActor,
	"wrong checksum":                              ErrChecksum,
	"type 2, bytes after the deflate stream":      ErrTrailing,
	"type 1 data under type byte 2":               ErrDeflate,
	"type 1 data under type byte 0":               ErrChunkType,
	"empty key":                                   ErrKey,
	"key not UTF-8":                               ErrNotUTF8,
	"string value not UTF-8":                      ErrNotUTF8,
	"message not UTF-8":                           ErrNotUTF8,
	"seq 0":                                       ErrSeq,
	"first seq is 5":                              ErrSeq,
	"startOp 0":                                   ErrStartOp,
	"startOp 2^32":                                ErrStartOp,
	"startOp 2^32-1 with 2 ops":                   ErrStartOp,
	"pred names an unknown op":                    ErrOpID,
	"pred names itself":                           ErrOpID,
	"obj names an unknown op":                     ErrOpID,
	"value column has a byte too many":            ErrTrailing,
	"value column too short":                      ErrTruncated,
	"true with a 1-byte value":                    ErrValue,
	"null with a 1-byte value":                    ErrValue,
	"f64 of 4 bytes":                              ErrValue,
	"uint value length 0":                         ErrValue,
	"value type 12":                               ErrValueType,
	"action 6 (makeTable)":                        ErrAction,
	"action 8":                                    ErrAction,
	"makeMap with a string value":                 ErrValueType,
	"key column longer than action column":        ErrColumnRows,
	"action column longer than key column":        ErrColumnRows,
	"pred count column absent":                    ErrColumnMissing,
	"value meta column absent":                    ErrColumnMissing,
	"insert true on a map key":                    ErrInsert,
	"ctx: deps unsorted":                          ErrOrder,
	"ctx: dep twice":                              ErrOrder,
	"ctx: other actors unsorted":                  ErrOrder,
	"ctx: preds unsorted":                         ErrOrder,
	"ctx: same pred twice":                        ErrOrder,
	"ctx: pred actor index out of range":          ErrActorIndex,
	"ctx: obj counter 0 with an actor":            ErrOpID,
	"ctx: delete without pred":                    ErrNoPred,
}

type malformedVector struct{ Name, Hex string }

func TestMalformedVectors(t *testing.T) {
	vectors := readLines[malformedVector](t, testfiles.Shared(t, "vectors", "malformed.jsonl"))
	for _, v := range vectors {
		want, refused := refusedWithoutHistory[v.Name]
		if _, sound := validWithoutHistory[v.Name]; sound == refused {
			t.Errorf("%q is in neither or in both of the lists above", v.Name)
			continue
		}
		b := unhex(t, v.Hex)
		chunks, err := SplitChunks(b)
		if err == nil && len(chunks) > 1 {
			if _, err := DecodeChange(b); !errors.Is(err, ErrTrailing) {
				t.Errorf("%q: several chunks: %v", v.Name, err)
			}
		}
		for i := 0; i < len(chunks) && err == nil; i++ {
			if _, err = DecodeChange(chunks[i]); err != nil && i < len(chunks)-1 {
				t.Errorf("%q: chunk %d of its history: %v", v.Name, i, err)
			}
		}
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q: got %v, want %v", v.Name, err, want)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%q: %v is not an *Error", v.Name, err)
		}
		if v.Name == "ctx: list insert at head of a map" && err == nil {
			c, _ := DecodeChange(chunks[len(chunks)-1])
			c.TimeMillis = 1
			if err := CheckSchemaShape(c); !errors.Is(err, ErrShape) {
				t.Errorf("%q: shape: %v", v.Name, err)
			}
		}
	}
	if len(vectors) < 91 {
		t.Errorf("only %d lines", len(vectors))
	}
}
