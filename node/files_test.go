package node

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// noDocument is the reader of a test whose files are no Automerge documents.
func noDocument(context.Context, []byte) ([]byte, error) { return nil, errors.New("it was asked") }

// TestExportedEventsAreVerified: a bundle proves who wrote what; an .automerge file only what was
// permitted, and its event is the same.
func TestExportedEventsAreVerified(t *testing.T) {
	d := device(t)
	event := createEvent(t, d, "The Patient Ledger")
	_, err := d.Do(t.Context(), event, qa.Act{Kind: qa.ActPost, Text: "May nothing ever be changed?"})
	must(t, err)
	for _, format := range []string{FormatBundle, FormatAutomerge} {
		x, err := Export(t.Context(), d, nil, event, format)
		must(t, err)
		v, err := VerifyFile(t.Context(), x.Data, noDocument)
		if err != nil || v.Event != event || v.Title != "The Patient Ledger" || v.Bad > 0 || v.Unsigned != (format == FormatAutomerge) || x.LeftOut > 0 {
			t.Errorf("%s: %+v, %d left out, %v", format, v, x.LeftOut, err)
		}
		if i := bytes.Index(x.Data, []byte("ever")); i >= 0 {
			x.Data[i] ^= 1
			if v, err := VerifyFile(t.Context(), x.Data, noDocument); err == nil && v.Bad == 0 {
				t.Errorf("%s: a changed word went unnoticed", format)
			}
		}
	}
	if v, err := VerifyEvent(t.Context(), d, event); err != nil || !v.Valid() || v.Event != event {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := Export(t.Context(), d, nil, event, "punched cards"); KindOf(err) != Invalid {
		t.Error(err)
	}
}

// TestOtherFilesHoldNoEvent: only a file that is more than changes is given to Automerge.
func TestOtherFilesHoldNoEvent(t *testing.T) {
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("Dear Maren,"), "cut off": {0x85, 0x6f, 0x4a, 0x83, 1, 2, 3}} {
		if _, err := VerifyFile(t.Context(), b, noDocument); !errors.Is(err, ErrNoChanges) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnAutomergeDocumentIsSplit: a file that Automerge itself has saved is split by the reader.
func TestAnAutomergeDocumentIsSplit(t *testing.T) {
	d := device(t)
	event := createEvent(t, d, "The Patient Ledger")
	x, err := Export(t.Context(), d, nil, event, FormatAutomerge)
	must(t, err)
	chunks, err := wire.SplitChunks(x.Data)
	must(t, err)
	changes := decodeAll(t, chunks)
	saved, err := wire.EncodeDocument(changes, []wire.Hash{changes[len(changes)-1].Hash}, 1<<20)
	must(t, err)
	asked := 0
	v, err := VerifyFile(t.Context(), saved, func(_ context.Context, b []byte) ([]byte, error) {
		asked++
		changes, err := crdt.ReadDocument(b)
		return bytes.Join(changes, nil), err
	})
	if err != nil || v.Event != event || asked != 1 {
		t.Errorf("%+v, asked %d times, %v", v, asked, err)
	}
}

func decodeAll(t *testing.T, chunks [][]byte) []*wire.Change {
	t.Helper()
	var out []*wire.Change
	for _, c := range chunks {
		decoded, err := wire.DecodeChange(c)
		must(t, err)
		out = append(out, decoded)
	}
	return out
}
