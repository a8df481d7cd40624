package importer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// summary returns the result of reading a page: title, authors, days, and each message.
func summary(im qa.Imported) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s | %s | %s", im.Event.Title, im.Event.Authors, weekfile.UTC(im.Event.StartsAtMillis).Format("0102")+"-"+weekfile.UTC(im.Event.EndsAtMillis).Format("0102"))
	for _, p := range im.Posts {
		fmt.Fprintf(&b, " | %s: %s", p.Name, qa.PlainSpaces(p.Text))
	}
	return b.String()
}

const ledger = "The Patient Ledger | Ilse Marrow | 0309-0313 | Tino: When does it pay? | Ilse Marrow: From day one."

func TestPageHeads(t *testing.T) {
	const messages = "\n\nTino\n\nWhen does it pay?\n\nIlse Marrow\n\nFrom day one.\n"
	const days = "The book of the week from 09 Mar 2026 to 13 Mar 2026"
	for name, head := range map[string]string{
		"as the site writes it":    "The Patient Ledger\n\nby Ilse Marrow\n\n" + days + "\n\nAbout it.\n\nQuestions and Answers",
		"no blank lines":           "The Patient Ledger\nby Ilse Marrow\n" + days + "\n\nAbout it.\n\nQuestions and Answers",
		"none at all":              "The Patient Ledger\nby Ilse Marrow\n" + days + "\nAbout it.\nQuestions and Answers",
		"the site's lines over it": "A course begins!\nThe Reading Room\n\nThe Patient Ledger\nby Ilse Marrow\n" + days + "\nAbout it.\n\nQuestions and Answers",
		"By: with a colon":         "The Patient Ledger\n\nBy: Ilse Marrow\n\n" + days + "\n\nAbout it.\n\nQuestions and Answers",
		"By: adjacent":             "The Patient Ledger\nBy: Ilse Marrow\n" + days + "\n\nAbout it.\n\nQuestions and Answers",
		"Author:":                  "The Patient Ledger\nAuthor: Ilse Marrow\n" + days + "\n\nQuestions and Answers",
		"Written by":               "The Patient Ledger\n\nWritten by Ilse Marrow\n\n" + days + "\n\nQuestions and Answers",
		"Von":                      "The Patient Ledger\n\nVon Ilse Marrow\n\nBuch der Woche vom 09.03.2026 bis 13.03.2026\n\nFragen und Antworten",
		"par":                      "The Patient Ledger\npar Ilse Marrow\nLe livre de la semaine du 2026-03-09 au 2026-03-13\n\nQuestions et réponses",
		"Autor:":                   "The Patient Ledger\nAutor: Ilse Marrow\n2026-03-09 – 2026-03-13\n\nPreguntas y respuestas",
		"title and author in one":  "The Patient Ledger by Ilse Marrow\n\n" + days + "\n\nQ&A",
		"a year said once":         "The Patient Ledger\n\nby Ilse Marrow\n\nfrom 9 March to 13 March 2026\n\nQ & A:",
		"a Markdown heading":       "The Patient Ledger\n\nby Ilse Marrow\n\n" + days + "\n\n## Questions & answers ##",
		"a longer heading":         "The Patient Ledger\n\nby Ilse Marrow\n\n" + days + "\n\nYour questions, our answers",
		"Russian":                  "The Patient Ledger\n\nАвтор: Ilse Marrow\n\n" + days + "\n\nВопросы и ответы",
		"Polish":                   "The Patient Ledger\n\nby Ilse Marrow\n\n" + days + "\n\nPytania i odpowiedzi",
		"Japanese":                 "The Patient Ledger\n\n著者：Ilse Marrow\n\n" + days + "\n\n質問と回答",
		"Korean":                   "The Patient Ledger\n\nby Ilse Marrow\n\n" + days + "\n\n질문과 답변",
		"a heading nobody knows":   "The Patient Ledger\n\nby Ilse Marrow\n\n" + days + "\n\nAbout it, at some length.\n\nLa kvina horo",
	} {
		for kind, in := range map[string]string{
			"plain": head + messages, "CRLF": strings.ReplaceAll(head+messages, "\n", "\r\n"),
			"no-break spaces": strings.ReplaceAll(head+messages, " ", "\u00a0"),
			"narrow spaces":   strings.ReplaceAll(head+messages, " ", "\u202f"),
			"a mark before":   "\ufeff" + strings.ReplaceAll(head+messages, "\n\n", "\n\u00a0\n"),
		} {
			im, err := Read("page.txt", []byte(in), nil)
			if err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
				continue
			}
			if got := summary(im); got != ledger {
				t.Errorf("%s, %s:\n got %s\nwant %s", name, kind, got, ledger)
			}
			if guessed := name == "a heading nobody knows"; guessed != (len(im.Remarks) == 1) {
				t.Errorf("%s: %+v is said", name, im.Remarks)
			}
		}
	}
}

// TestNamesDirectlyAboveMessages: names may come before their messages without a blank line if the whole page
// does so. On other pages, a name in the first line of a paragraph starts no message.
func TestNamesDirectlyAboveMessages(t *testing.T) {
	const head = "The Patient Ledger\n\nby Ilse Marrow\n\nThe book of the week from 09 Mar 2026 to 13 Mar 2026\n\nQuestions and Answers\n\n"
	im, err := ReadPage("page", []byte(head+"Tino\nWhen does it pay?\n\nIlse Marrow\nFrom day one.\n\nIt does so always.\n\nTino\nThank you!\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(im), "The Patient Ledger | Ilse Marrow | 0309-0313 | Tino: When does it pay? | Ilse Marrow: From day one.\n\nIt does so always. | Tino: Thank you!"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	im, err = ReadPage("page", []byte(head+"Tino\n\nAda Lovelace\nis whom I mean. When did she live?\n\nIlse Marrow\n\nLong ago.\n\nTino\n\nI see.\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Posts) != 3 || !strings.HasPrefix(im.Posts[0].Text, "Ada Lovelace\n") {
		t.Errorf("%s", summary(im))
	}
}

// TestPageWithoutMessages: if no message is found on a page, a remark says so and what to do.
func TestPageWithoutMessages(t *testing.T) {
	for name, c := range map[string]struct{ in, says string }{
		"no heading":      {"The Patient Ledger\n\nby Ilse Marrow\n\nThe book of the week from 09 Mar 2026 to 13 Mar 2026\n\nIt is about ledgers. They are patient.\n", `put that line above the first`},
		"nothing under":   {"The Patient Ledger\n\nby Ilse Marrow\n\nQuestions and Answers\n", "nothing below the heading"},
		"nobody's words":  {"The Patient Ledger\n\nby Ilse Marrow\n\nQuestions and Answers\n\nthis is a sentence, and not a name of anybody; is it?\n", "Put each name on a line of its own"},
		"an empty answer": {"The Patient Ledger\n\nby Ilse Marrow\n\nfrom 2026-03-09 to 2026-03-13\n\nLa kvina horo\n", "No message was found"},
	} {
		im, err := Read("page.txt", []byte(c.in), nil)
		if err != nil || len(im.Posts) != 0 {
			t.Errorf("%s: %+v, %v", name, im.Posts, err)
			continue
		}
		if len(im.Remarks) != 1 || !strings.Contains(im.Remarks[0].Text, c.says) {
			t.Errorf("%s: %+v is said, want %q", name, im.Remarks, c.says)
		}
	}
	long := "T\n\nby Ilse Marrow\n\n" + strings.Repeat("This is a sentence of a message. ", 600)
	if _, err := ReadPage("page.txt", []byte(long)); err == nil || !strings.Contains(err.Error(), "no message was found") {
		t.Errorf("a long one: %v", err)
	}
}

// TestLongMessagesContinueInReplies: a message that is too long for a post continues in replies, in every format.
func TestLongMessagesContinueInReplies(t *testing.T) {
	words := strings.TrimSpace(strings.Repeat("word ", schema.MaxText/4))
	pieces := SplitText(words)
	if len(pieces) != 2 || strings.Join(pieces, " ") != words || len(pieces[0]) > schema.MaxText || strings.HasSuffix(pieces[0], "wor") {
		t.Fatalf("%d pieces", len(pieces))
	}
	if got := SplitText(strings.Repeat("é", schema.MaxText)); len(got) != 2 || strings.Join(got, "") != strings.Repeat("é", schema.MaxText) {
		t.Fatalf("%d pieces of letters of two bytes", len(got))
	}
	week := "---\ntitle: T\nauthors: [Ilse Marrow]\narchive:\n- name: Tino\n  id: one\n  text: \"" + words + "\"\n  replies:\n  - name: Ilse Marrow\n    text: \"" + words + " again\"\n  - name: Tino\n    text: Thanks\n---\n"
	jekyll, err := ReadJekyll("week.md", []byte(week), nil)
	if err != nil {
		t.Fatal(err)
	}
	var outline bytes.Buffer
	if err := WriteOutline(&outline, jekyll); err != nil {
		t.Fatal(err)
	}
	fromOutline, err := ReadOutline("outline", outline.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	page, err := ReadPage("page", []byte("T\n\nby Ilse Marrow\n\nQuestions and Answers\n\nTino\n\n"+words+"\n\nIlse Marrow\n\n"+words+" again\n\nTino\n\nThanks\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, im := range map[string]qa.Imported{"jekyll": jekyll, "outline": fromOutline, "page": page} {
		var parents []int
		for _, p := range im.Posts {
			parents = append(parents, p.Parent)
			if len(p.Text) > schema.MaxText {
				t.Errorf("%s: a text of %d bytes", name, len(p.Text))
			}
		}
		if !slices.Equal(parents, []int{-1, 0, 0, 0, 0}) || im.Posts[2].Name != "Ilse Marrow" || !im.Posts[3].AsAuthor || im.Posts[0].Text+" "+im.Posts[1].Text != words {
			t.Errorf("%s: parents %v", name, parents)
		}
		if name != "outline" && len(im.Remarks) != 2 {
			t.Errorf("%s says %+v", name, im.Remarks)
		}
	}
	if jekyll.Posts[1].Source != jekyll.Posts[0].Source+"-2" {
		t.Errorf("sources %q, %q", jekyll.Posts[0].Source, jekyll.Posts[1].Source)
	}
	for i := 2; i < 5; i++ { // what has no id of its own
		if jekyll.Posts[i].Source != fromOutline.Posts[i].Source {
			t.Errorf("in the outline message %d has another source", i)
		}
	}
}
