package wsframe

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read reads a stream of frames as a server does. It returns the binary messages, inflated, and the
// control frames in the order in which they came.
func read(stream io.Reader, deflate bool) (messages [][]byte, controls []string, err error) {
	r := NewReader(stream, deflate)
	var message []byte
	deflated := false
	for {
		peeked, err := r.Peek()
		if err != nil {
			return messages, controls, err
		}
		h, err := r.Next()
		if err != nil {
			return messages, controls, err
		}
		if h.Op != peeked {
			return messages, controls, errors.New("Peek and Next differ")
		}
		if h.Op.Control() {
			payload, err := r.ReadControl()
			if err != nil {
				return messages, controls, err
			}
			controls = append(controls, map[Op]string{Ping: "ping ", Pong: "pong ", Close: "close "}[h.Op]+string(payload))
			continue
		}
		if h.Op != Continuation {
			message, deflated = nil, h.Deflated
		}
		payload, err := io.ReadAll(r)
		if message = append(message, payload...); err != nil {
			return messages, controls, err
		}
		if !h.Final {
			continue
		}
		if deflated {
			if message, err = inflate(message); err != nil {
				return messages, controls, err
			}
		}
		messages = append(messages, message)
	}
}

func inflate(b []byte) ([]byte, error) {
	f, err := NewInflater(b)
	defer f.Release()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// TestFramesOfRFC6455 has the examples of RFC 6455, section 5.7.
func TestFramesOfRFC6455(t *testing.T) {
	hello := []byte("Hello")
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"a text message", AppendFrame(nil, Text, hello), unhex(t, "81 05 48 65 6c 6c 6f")},
		{"a ping", AppendFrame(nil, Ping, hello), unhex(t, "89 05 48 65 6c 6c 6f")},
		{"256 bytes", AppendFrame(nil, Binary, make([]byte, 256)), append(unhex(t, "82 7e 01 00"), make([]byte, 256)...)},
		{"64 KiB", AppendFrame(nil, Binary, make([]byte, 1<<16)), append(unhex(t, "82 7f 00 00 00 00 00 01 00 00"), make([]byte, 1<<16)...)},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: %x", c.name, c.got[:min(len(c.got), 20)])
		}
	}
	// A frame of a client. The RFC's example is a text message, which Reader rejects.
	masked := unhex(t, "81 85 37 fa 21 3d 7f 9f 4d 51 58")
	if _, _, err := read(bytes.NewReader(masked), false); !isViolation(err, CodeUnsupported) {
		t.Errorf("a text message: %v", err)
	}
	masked[0] = 0x82
	pong := append([]byte{0x8a}, masked[1:]...)
	messages, controls, err := read(bytes.NewReader(append(masked, pong...)), false)
	if err != io.EOF || len(messages) != 1 || string(messages[0]) != "Hello" || len(controls) != 1 || controls[0] != "pong Hello" {
		t.Errorf("%q, %q, %v", messages, controls, err)
	}
}

func isViolation(err error, code int) bool {
	v := (*Violation)(nil)
	return errors.As(err, &v) && v.Code == code
}

// TestLengths: a length is written in as few bytes as possible (RFC 6455, section 5.2), and read in any
// number of bytes.
func TestLengths(t *testing.T) {
	for n, header := range map[int]string{
		0: "82 00", 1: "82 01", 125: "82 7d", 126: "82 7e 00 7e", 127: "82 7e 00 7f", 1<<16 - 1: "82 7e ff ff",
		1 << 16: "82 7f 00 00 00 00 00 01 00 00", 1<<24 + 1: "82 7f 00 00 00 00 01 00 00 01",
	} {
		if got := appendHeader(nil, Binary, false, n); !bytes.Equal(got, unhex(t, header)) {
			t.Errorf("%d bytes: %x", n, got)
		}
	}
	for _, header := range []string{"82 83 00000000", "82 fe 0003 00000000", "82 ff 0000000000000003 00000000"} {
		messages, _, err := read(bytes.NewReader(append(unhex(t, header), "abc"...)), false)
		if err != io.EOF || len(messages) != 1 || string(messages[0]) != "abc" {
			t.Errorf("%s: %q, %v", header, messages, err)
		}
	}
}

// clientFrame returns a masked frame, as a client writes it; first is its first byte.
func clientFrame(first byte, payload string) string {
	mask := [maskLen]byte{0xa1, 0, 0x7f, 0x33}
	b := []byte(payload)
	unmask(b, mask, 0)
	header := appendHeader(nil, 0, false, len(b))
	header[0], header[1] = first, header[1]|bitMasked
	return string(header) + string(mask[:]) + string(b)
}

func TestFragments(t *testing.T) {
	for _, c := range []struct {
		name, stream       string
		messages, controls []string
	}{
		{"the RFC's fragments", clientFrame(0x02, "Hel") + clientFrame(0x80, "lo"), []string{"Hello"}, nil},
		{"control frames in between", clientFrame(0x02, "a") + clientFrame(0x89, "1") + clientFrame(0x00, "b") + clientFrame(0x8a, "2") + clientFrame(0x89, "3") + clientFrame(0x80, "c"), []string{"abc"}, []string{"ping 1", "pong 2", "ping 3"}},
		{"empty ones", clientFrame(0x02, "") + clientFrame(0x00, "") + clientFrame(0x80, "") + clientFrame(0x82, "next"), []string{"", "next"}, nil},
		{"a close frame", clientFrame(0x82, "x") + clientFrame(0x88, "\x03\xe8bye"), []string{"x"}, []string{"close \x03\xe8bye"}},
	} {
		messages, controls, err := read(strings.NewReader(c.stream), false)
		if err != io.EOF || !equal(messages, c.messages) || strings.Join(controls, "|") != strings.Join(c.controls, "|") {
			t.Errorf("%s: %q, %q, %v", c.name, messages, controls, err)
		}
	}
}

func equal(got [][]byte, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if string(got[i]) != want[i] {
			return false
		}
	}
	return true
}

func TestViolations(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		deflate      bool
		code         int
	}{
		{"reserved bit 2", clientFrame(0xa2, "x"), true, CodeProtocolError},
		{"reserved bit 3", clientFrame(0x92, "x"), true, CodeProtocolError},
		{"deflated without an agreement", clientFrame(0xc2, "x"), false, CodeProtocolError},
		{"a deflated ping", clientFrame(0xc9, ""), true, CodeProtocolError},
		{"deflated in the middle", clientFrame(0x02, "x") + clientFrame(0xc0, "y"), true, CodeProtocolError},
		{"no mask", "\x82\x01x", true, CodeProtocolError},
		{"opcode 3", clientFrame(0x83, ""), true, CodeProtocolError},
		{"opcode 7", clientFrame(0x87, ""), true, CodeProtocolError},
		{"opcode 11", clientFrame(0x8b, ""), true, CodeProtocolError},
		{"opcode 15", clientFrame(0x8f, ""), true, CodeProtocolError},
		{"a ping in parts", clientFrame(0x09, ""), true, CodeProtocolError},
		{"a ping of 126 bytes", clientFrame(0x89, strings.Repeat("x", 126)), true, CodeProtocolError},
		{"a continuation of nothing", clientFrame(0x80, ""), true, CodeProtocolError},
		{"a continuation of a message that has ended", clientFrame(0x82, "") + clientFrame(0x80, ""), true, CodeProtocolError},
		{"a message within a message", clientFrame(0x02, "") + clientFrame(0x82, ""), true, CodeProtocolError},
		{"text", clientFrame(0x81, "x"), true, CodeUnsupported},
		{"2^63 bytes", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", true, CodeTooLarge},
	} {
		if _, _, err := read(strings.NewReader(c.stream), c.deflate); !isViolation(err, c.code) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestReadingInPieces: the payload is unmasked correctly however the network cuts the stream and however
// many bytes each Read asks for. A stream that ends early is an error.
func TestReadingInPieces(t *testing.T) {
	payload := make([]byte, 10_000)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	stream := clientFrame(0x82, string(payload))
	for _, at := range []int{1, 2, 3, 5, 8, 13, 1000} {
		r := NewReader(&pieces{[]byte(stream), at}, false)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !isViolation(err, CodeProtocolError) {
			t.Errorf("the next frame before the payload is read: %v", err)
		}
		var got []byte
		for {
			b := make([]byte, at+1)
			n, err := r.Read(b)
			if got = append(got, b[:n]...); err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, payload) {
			t.Errorf("in pieces of %d bytes: not the same", at)
		}
	}
	for _, n := range []int{1, 3, 7, 8, 500, len(stream) - 1} {
		if messages, _, err := read(strings.NewReader(stream[:n]), false); err != io.EOF && err != io.ErrUnexpectedEOF || len(messages) != 0 {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

// pieces is a reader that returns at most n bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.b[:min(len(p.b), p.n)])
	p.b = p.b[n:]
	return n, nil
}

func TestUnmask(t *testing.T) {
	mask := [maskLen]byte{1, 20, 103, 254}
	for n := range 40 {
		for cut := range n + 1 {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i) ^ mask[i%maskLen]
			}
			at := unmask(b[:cut], mask, 0)
			unmask(b[cut:], mask, at)
			for i := range b {
				if b[i] != byte(i) {
					t.Fatalf("%d bytes, cut at %d: %x", n, cut, b)
				}
			}
		}
	}
}

func TestAppendClose(t *testing.T) {
	for reason, want := range map[string]string{
		"":                           "",
		"gone":                       "gone",
		strings.Repeat("x", 200):     strings.Repeat("x", 123),
		strings.Repeat("é", 100):     strings.Repeat("é", 61),
		"valid \xff then not":        "valid ",
		"x" + strings.Repeat("é", 9): "x" + strings.Repeat("é", 9),
	} {
		got := AppendClose(nil, 1013, reason)
		if header := unhex(t, "88"); !bytes.HasPrefix(got, header) || int(got[1]) != len(got)-2 || string(got[2:]) != "\x03\xf5"+want {
			t.Errorf("%q: %q", reason, got)
		}
	}
}

// TestMessagesOfRFC7692 has the examples of RFC 7692, section 7.2.3.
func TestMessagesOfRFC7692(t *testing.T) {
	for _, c := range []struct{ name, payload string }{
		{"7.2.3.1, one block", "f2 48 cd c9 c9 07 00"},
		{"7.2.3.3, a block that is stored", "00 05 00 fa ff 48 65 6c 6c 6f 00"},
		{"7.2.3.4, a block that is the last", "f3 48 cd c9 c9 07 00 00"},
		{"7.2.3.5, two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00"},
	} {
		payload := string(unhex(t, c.payload))
		for name, stream := range map[string]string{
			"one frame":  clientFrame(0xc2, payload),
			"two frames": clientFrame(0x42, payload[:3]) + clientFrame(0x80, payload[3:]),
		} {
			messages, _, err := read(strings.NewReader(stream), true)
			if err != io.EOF || !equal(messages, []string{"Hello"}) {
				t.Errorf("%s in %s: %q, %v", c.name, name, messages, err)
			}
		}
	}
	// In 7.2.3.2 the second message refers to the first, which needs context takeover. Upgrade does not
	// agree on that: the first message can be sent twice, and the second cannot be inflated.
	first, second := string(unhex(t, "f2 48 cd c9 c9 07 00")), string(unhex(t, "f2 00 11 00 00"))
	if messages, _, err := read(strings.NewReader(clientFrame(0xc2, first)+clientFrame(0xc2, first)), true); err != io.EOF || !equal(messages, []string{"Hello", "Hello"}) {
		t.Errorf("without context takeover: %q, %v", messages, err)
	}
	messages, _, err := read(strings.NewReader(clientFrame(0xc2, first)+clientFrame(0xc2, second)), true)
	if err == nil || err == io.EOF || !equal(messages, []string{"Hello"}) {
		t.Errorf("with context takeover: %q, %v", messages, err)
	}
}

// TestInflationIsStepByStep: an Inflater inflates no more of a large message than Read asks for.
func TestInflationIsStepByStep(t *testing.T) {
	bomb := deflate(make([]byte, 64<<20))
	if len(bomb) == 0 || len(bomb) > 1<<20 {
		t.Fatalf("%d bytes", len(bomb))
	}
	f, err := NewInflater(bomb)
	defer f.Release()
	if err != nil {
		t.Fatal(err)
	}
	step := make([]byte, 64<<10)
	for range 3 {
		if n, err := f.Read(step); n != len(step) || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	if f.in.Len() < len(bomb)*9/10 {
		t.Errorf("%d of %d bytes are left after three steps", f.in.Len(), len(bomb))
	}
	if messages, err := inflate(unhex(t, "ff ff ff")); err == nil {
		t.Errorf("bytes that are not deflated inflate to %q", messages)
	}
	if got, err := inflate(deflate(bytes.Repeat([]byte("ab"), 1000))); err != nil || string(got) != strings.Repeat("ab", 1000) {
		t.Errorf("after a message that was not inflated to its end: %d bytes, %v", len(got), err)
	}
}

// TestSharedMessageReachesEveryPeer: each peer reads head, its own part and tail, with and without
// compression, and compression saves bytes where it can.
func TestSharedMessageReachesEveryPeer(t *testing.T) {
	words := bytes.Repeat([]byte("what somebody wants to know about a book. "), 500)
	random := make([]byte, 8<<10)
	for i := range random {
		random[i] = byte(i*i>>3 ^ i>>1)
	}
	for name, tail := range map[string][]byte{"words": words, "noise": random, "a few": []byte("few"), "none": nil} {
		for _, compress := range []bool{false, true} {
			shared := NewShared([]byte("head"), tail, compress)
			for _, own := range []string{"", "a", strings.Repeat("n", 300), strings.Repeat("n", maxStored)} {
				for _, deflated := range []bool{false, true} {
					first, second := shared.Frame([]byte("kept"), []byte(own), deflated)
					if string(first[:4]) != "kept" {
						t.Fatal("the bytes that the buffer had were overwritten")
					}
					frame := append(bytes.Clone(first[4:]), second...)
					message := clientReads(t, frame, deflated)
					if string(message) != "head"+own+string(tail) {
						t.Errorf("%s, %d bytes of the peer's, compress %v, deflated %v: %d bytes", name, len(own), compress, deflated, len(message))
					}
					if smaller := len(frame) < len(message); name == "words" && smaller != (compress && deflated && len(own) < maxStored) {
						t.Errorf("words, %d bytes of the peer's, compress %v, deflated %v: %d bytes travel as %d", len(own), compress, deflated, len(message), len(frame))
					}
				}
			}
		}
	}
}
