package main

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// mailbox is a mail server that stores all mail it receives.
type mailbox struct {
	mu   sync.Mutex
	got  []string
	fail bool
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return session{m}, nil }

func (m *mailbox) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

type session struct{ box *mailbox }

func (session) Mail(string, *smtp.MailOptions) error { return nil }
func (session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (session) Reset()                               {}
func (session) Logout() error                        { return nil }

func (s session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.fail {
		return &smtp.SMTPError{Code: 552, Message: "the box is full"}
	}
	s.box.got = append(s.box.got, string(b))
	return nil
}

// parts parses a mail with the standard library. It returns the subject, and the bodies by
// content type.
func parts(t *testing.T, raw string) (string, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s: %v", kind, err)
	}
	out := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return subject, out
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		var body io.Reader = p
		if p.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(p)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = string(b)
	}
}

func TestDigestByMail(t *testing.T) {
	box := &mailbox{}
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }() // ends with Close below
	t.Cleanup(func() { _ = server.Close() })

	dir := t.TempDir()
	flyleaf := func(wantCode int, args ...string) string {
		t.Helper()
		var out, problems bytes.Buffer
		if code := run(context.Background(), append([]string{"--data", dir}, args...), streams{strings.NewReader(""), &out, &problems}); code != wantCode {
			t.Fatalf("%v: code %d, want %d\n%s%s", args, code, wantCode, &out, &problems)
		}
		return out.String() + problems.String()
	}
	flyleaf(0, "identity", "name", "Robin Vale")
	flyleaf(0, "event", "new", "--title", "The Pätient Ledger", "--by", "Ilse Marrow")
	flyleaf(0, "ask", "A question of mine, which is no news to me")
	if out := flyleaf(exitRefused, "digest", "--send"); !strings.Contains(out, "mail.yaml") || !strings.Contains(out, "nothing was sent") {
		t.Errorf("%s", out)
	}
	port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	config := "host: 127.0.0.1\nport: " + port + "\nsecurity: none\nfrom: Robin <robin@example.org>\nto: robin@example.org\n"
	if err := os.WriteFile(filepath.Join(dir, "mail.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := flyleaf(0, "digest", "--send"); !strings.Contains(out, "Nothing is new") || len(box.all()) != 0 {
		t.Fatalf("%s\n%q", out, box.all())
	}
	// Somebody else's post arrives.
	other := t.TempDir()
	flyleaf(0, "export", "--format", "bundle", "-o", filepath.Join(dir, "week.bundle"))
	elsewhere := func(args ...string) {
		t.Helper()
		var out, problems bytes.Buffer
		if code := run(context.Background(), append([]string{"--data", other}, args...), streams{strings.NewReader(""), &out, &problems}); code != 0 {
			t.Fatalf("%v: %s", args, &problems)
		}
	}
	elsewhere("identity", "name", "Maren Holt")
	elsewhere("import", filepath.Join(dir, "week.bundle"))
	elsewhere("ask", "May nothing ever be changed?")
	elsewhere("export", "--format", "bundle", "-o", filepath.Join(dir, "back.bundle"))
	flyleaf(0, "import", filepath.Join(dir, "back.bundle"))

	if out := flyleaf(0, "digest"); !strings.Contains(out, "Maren Holt: May nothing ever be changed?") || strings.Contains(out, "no news to me") {
		t.Errorf("%s", out)
	}
	box.mu.Lock()
	box.fail = true
	box.mu.Unlock()
	if out := flyleaf(1, "digest", "--send", "--weekly"); !strings.Contains(out, "box is full") || !strings.Contains(out, "you can try again") {
		t.Errorf("%s", out)
	}
	box.mu.Lock()
	box.fail = false
	box.mu.Unlock()
	flyleaf(0, "digest", "--send", "--weekly")
	if len(box.all()) != 1 {
		t.Fatalf("%d mails", len(box.all()))
	}
	subject, bodies := parts(t, box.all()[0])
	if subject != "The Pätient Ledger: 1 new question" {
		t.Errorf("the subject is %q", subject)
	}
	if !strings.Contains(bodies["text/plain"], "May nothing ever") || !strings.Contains(bodies["text/html"], "<b><bdi>Maren Holt</bdi></b>") {
		t.Errorf("%q", bodies)
	}
	if out := flyleaf(0, "digest"); !strings.Contains(out, "Nothing is new") {
		t.Errorf("it is reported twice: %s", out)
	}
	elsewhere("ask", "And another one?")
	elsewhere("export", "--format", "bundle", "-o", filepath.Join(dir, "again.bundle"))
	flyleaf(0, "import", filepath.Join(dir, "again.bundle"))
	if out := flyleaf(0, "digest", "--send", "--weekly"); !strings.Contains(out, "a week later") || len(box.all()) != 1 {
		t.Errorf("%s", out)
	}
	file := filepath.Join(dir, "digest.html")
	flyleaf(0, "digest", "--html", "-o", file)
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), "And another one?") {
		t.Errorf("%s %v", b, err)
	}
	if out := flyleaf(0, "digest", "--send"); !strings.Contains(out, "Nothing is new") {
		t.Errorf("%s", out)
	}
}
