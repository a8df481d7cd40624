package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"flyleaf/internal/testfiles"
)

type filterVector struct {
	Entries, BitsPerEntry, Probes uint32
	Bits                          string
}

type messageVector struct {
	Type                 string
	Heads, Need, Changes []string
	Have                 []struct {
		LastSync []string
		Bloom    filterVector
	}
	Entries  int
	Chunks   []struct{ Type, Bytes int }
	Trailing string
}

type syncVector struct {
	Kind, Hex string
	Decoded   json.RawMessage

	// Bloom filters.
	Hashes  []string
	Filter  string
	Queries []struct {
		Hash            string
		Probes          []uint64
		InSet, Contains bool
	}
}

func hashes(t testing.TB, ss []string) []Hash {
	t.Helper()
	var hs []Hash
	for _, s := range ss {
		h, err := ParseHash(s)
		if err != nil {
			t.Fatal(err)
		}
		hs = append(hs, h)
	}
	return hs
}

// TestSyncVectors: every message, state and filter of automerge-go and JavaScript decodes to the
// recorded fields, and encodes to the same bytes.
func TestSyncVectors(t *testing.T) {
	seen := map[string]int{}
	for n, v := range readLines[syncVector](t, testfiles.Shared(t, "vectors", "sync.jsonl")) {
		name := fmt.Sprintf("line %d", n+1)
		switch v.Kind {
		case "message":
			var want messageVector
			if err := json.Unmarshal(v.Decoded, &want); err != nil {
				t.Fatal(err)
			}
			seen[v.Kind+want.Type]++
			checkMessage(t, name, unhex(t, v.Hex), want)
		case "bloom":
			seen[v.Kind]++
			checkFilter(t, name, v)
		}
	}
	for _, kind := range []string{"message42", "message43", "bloom"} {
		if seen[kind] == 0 {
			t.Errorf("no vector of kind %s", kind)
		}
	}
}

func TestDialogueMessages(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testfiles.Shared(t, "vectors", "dialogues"), "*.jsonl"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d dialogues, %v", len(files), err)
	}
	for _, f := range files {
		for n, v := range readLines[struct {
			Kind, Hex string
			Decoded   messageVector
		}](t, f) {
			if v.Kind == "message" {
				checkMessage(t, fmt.Sprintf("%s line %d", filepath.Base(f), n+1), unhex(t, v.Hex), v.Decoded)
			}
		}
	}
}

func checkMessage(t *testing.T, name string, b []byte, want messageVector) {
	t.Helper()
	m, err := DecodeMessage(b)
	if want.Type != "42" {
		if !errors.Is(err, ErrVersion) {
			t.Errorf("%s: type %s: %v", name, want.Type, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if !bytes.Equal(m.Encode(), b) {
		t.Errorf("%s: encoded differently", name)
	}
	eq := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %s is %v, want %v", name, what, got, want)
		}
	}
	eq("heads", m.Heads, want.Heads)
	eq("need", m.Need, want.Need)
	eq("entries", len(m.Changes), want.Entries)
	eq("trailing", hex.EncodeToString(m.Trailing), want.Trailing)
	eq("have", len(m.Have), len(want.Have))
	for i := range min(len(m.Have), len(want.Have)) {
		f := m.Have[i].Filter
		eq("lastSync", m.Have[i].LastSync, want.Have[i].LastSync)
		eq("filter", filterVector{f.Entries, f.BitsPerEntry, f.Probes, hex.EncodeToString(f.Bits)}, wantFilter(want.Have[i].Bloom))
	}
	var got []string
	for _, chunk := range m.Changes {
		c, err := DecodeChange(chunk)
		if err != nil {
			t.Errorf("%s: change: %v", name, err)
			continue
		}
		got = append(got, c.Hash.String())
	}
	eq("changes", got, want.Changes)
}

// wantFilter removes the parameters of an empty filter, which has no bytes.
func wantFilter(f filterVector) filterVector {
	if f.Entries == 0 {
		return filterVector{}
	}
	return f
}

func checkFilter(t *testing.T, name string, v syncVector) {
	t.Helper()
	f := NewFilter(hashes(t, v.Hashes))
	m := Message{Have: []Have{{Filter: f}}}
	want := unhex(t, v.Filter)
	if enc := f.append(nil); !bytes.Equal(enc, appendBytes(nil, want)) {
		t.Errorf("%s: filter is %x, want %x", name, enc, want)
	}
	back, err := DecodeMessage(m.Encode())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, q := range v.Queries {
		h := hashes(t, []string{q.Hash})[0]
		if got := back.Have[0].Filter.Contains(h); got != q.Contains {
			t.Errorf("%s: contains %v: %v", name, h, got)
		}
		if f.Entries == 0 {
			continue
		}
		var probes []uint64
		f.probe(h, func(i uint64) bool { probes = append(probes, i); return true })
		if fmt.Sprint(probes) != fmt.Sprint(q.Probes) {
			t.Errorf("%s: probes %v, want %v", name, probes, q.Probes)
		}
	}
}

// TestMessageByHand checks the first messages of a conversation against hand-written bytes.
func TestMessageByHand(t *testing.T) {
	h := Hash{1, 2, 3}
	hx := h.String()
	for name, c := range map[string]struct {
		hex string
		m   Message
	}{
		"nothing":      {"42 00 00 00 00", Message{}},
		"first":        {"42 00 00 01 00 00 00", Message{Have: make([]Have, 1)}},
		"capabilities": {"42 00 00 01 00 00 00 020284", Message{Have: make([]Have, 1), Trailing: []byte{2, 2, 0x84}}},
		"heads, need":  {"42 01" + hx + " 01" + hx + " 00 00", Message{Heads: []Hash{h}, Need: []Hash{h}}},
		"a filter": {"42 00 00 01 01" + hx + " 05 01 0a 07 0c03 00", Message{Have: []Have{{
			LastSync: []Hash{h}, Filter: Filter{1, 10, 7, []byte{0x0c, 0x03}},
		}}}},
	} {
		b := unhex(t, string(bytes.ReplaceAll([]byte(c.hex), []byte(" "), nil)))
		m, err := DecodeMessage(b)
		if err != nil || fmt.Sprint(*m) != fmt.Sprint(c.m) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
		if enc := c.m.Encode(); !bytes.Equal(enc, b) {
			t.Errorf("%s: encoded to %x", name, enc)
		}
	}
}

func TestMessageRefused(t *testing.T) {
	many := func(prefix string, n uint64, each []byte, times int) []byte {
		b := appendUleb(unhex(t, prefix), n)
		return append(b, bytes.Repeat(each, times)...)
	}
	hash := make([]byte, 32)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":                    {nil, ErrTruncated},
		"version 2":                {unhex(t, "4300000000"), ErrVersion},
		"no need":                  {unhex(t, "4200"), ErrTruncated},
		"overlong count":           {unhex(t, "42800000000000"), ErrOverlong},
		"2^40 heads":               {many("42", 1<<40, hash, 4), ErrCount},
		"a head too few":           {many("42", 3, hash, 2), ErrCount},
		"too many heads":           {many("42", MaxHashes+1, hash, MaxHashes+1), ErrTooManyHashes},
		"too many needs":           {many("4200", MaxHashes+1, hash, MaxHashes+1), ErrTooManyHashes},
		"too many haves":           {many("420000", MaxHave+1, []byte{0, 0}, MaxHave+1), ErrCount},
		"2^63 changes":             {many("42000000", 1<<63, hash, 4), ErrCount},
		"changes shorter than any": {many("42000000", 4, []byte{0}, 4), ErrCount},
		"change cut off":           {append(unhex(t, "420000000114"), make([]byte, 11)...), ErrTruncated},
		"long trailing":            {append(unhex(t, "4200000000"), make([]byte, MaxTrailing+1)...), ErrTrailing},
		"filter: no entries":       {unhex(t, "420000010003000a0700"), ErrFilter},
		"filter: bits per entry 0": {unhex(t, "42000001000301000700"), ErrFilter},
		"filter: probes 0":         {unhex(t, "420000010005010a00000000"), ErrFilter},
		"filter: 33 probes":        {unhex(t, "420000010005010a21000000"), ErrFilter},
		"filter: 33 bits an entry": {unhex(t, "420000010008012107000000000000"), ErrFilter},
		"filter: a byte too few":   {unhex(t, "420000010004010a070000"), ErrFilter},
		"filter: a byte too many":  {unhex(t, "420000010006010a0700000000"), ErrFilter},
		"filter: 2^63 entries":     {unhex(t, "42000001000e808080808080808080010a07000000"), ErrFilter},
		"filter: cut off":          {unhex(t, "420000010002010a00"), ErrTruncated},
	} {
		if _, err := DecodeMessage(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// TestMessageCopies: a decoded message does not change when the frame's buffer is reused, except for
// its changes, which alias the buffer.
func TestMessageCopies(t *testing.T) {
	m := Message{Heads: []Hash{{1}}, Have: []Have{{Filter: NewFilter([]Hash{{2}, {3}})}}, Trailing: []byte{1, 9}}
	b := m.Encode()
	got, err := DecodeMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if fmt.Sprint(*got) != fmt.Sprint(m) {
		t.Errorf("got %v after the buffer was cleared, want %v", got, m)
	}
	if !got.Have[0].Filter.Contains(Hash{3}) {
		t.Error("the filter lost an entry")
	}
}
