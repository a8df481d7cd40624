package importer

import (
	"testing"
	"time"

	"flyleaf/weekfile"
)

// TestReadDates: the days of a week are read in the forms that people use.
func TestReadDates(t *testing.T) {
	for line, want := range map[string]string{
		"The book of the week from 08 Mar 2021 to 12 Mar 2021":                      "2021-03-08 2021-03-12",
		"The book of the week: 8–12 March 2021":                                     "2021-03-08 2021-03-12",
		"March 8 - 12, 2021":                                                        "2021-03-08 2021-03-12",
		"March 8th to March 12th, 2021":                                             "2021-03-08 2021-03-12",
		"Book of the week, from Monday, 8 March 2021 to Friday, 12 March 2021":      "2021-03-08 2021-03-12",
		"from 29 Dec to 2 Jan 2021":                                                 "2020-12-29 2021-01-02",
		"Das Buch der Woche vom 8. März 2021 bis 12. März 2021":                     "2021-03-08 2021-03-12",
		"Vom 8. bis 12. März 2021":                                                  "2021-03-08 2021-03-12",
		"del 8 de marzo de 2021 al 12 de marzo de 2021":                             "2021-03-08 2021-03-12",
		"Le livre de la semaine du lundi 8 mars 2021 au vendredi 12 mars 2021":      "2021-03-08 2021-03-12",
		"O livro da semana de 08/03/2021 a 12/03/2021":                              "2021-03-08 2021-03-12",
		"03/29/2021 - 04/02/2021":                                                   "2021-03-29 2021-04-02",
		"05/06/2021 - 05/06/2021":                                                   "", // the fifth of June or the sixth of May
		"Книга недели с 8 марта 2021 по 12 марта 2021":                              "2021-03-08 2021-03-12",
		"2021年3月8日〜2021年3月12日":                                                      "2021-03-08 2021-03-12",
		"本周图书 2021-03-08 至 2021-03-12":                                              "2021-03-08 2021-03-12",
		"2021년 3월 8일부터 2021년 3월 12일까지":                                              "2021-03-08 2021-03-12",
		"Her company, founded in 2019, moved from Leeds to York in 2021 and stayed": "",
		"Version 2.1.2021 to 3":                                                     "",
	} {
		from, to, ok := readDates(line)
		got := ""
		if ok {
			got = weekfile.UTC(from).Format(time.DateOnly) + " " + weekfile.UTC(to).Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestReadPageTops: pages are read completely if the title, authors and dates at the top are in another
// language without empty lines between them, if the authors come before the title, and if the title
// has Markdown markup.
func TestReadPageTops(t *testing.T) {
	messages := "\n\nAbout it.\n\nQuestions and Answers\n\nTino\n\nWhen?\n\nIlse Marrow\n\nNow.\n"
	for top, title := range map[string]string{
		"Das geduldige Buch\nvon Ilse Marrow\nvom 8. März 2021 bis 12. März 2021":           "Das geduldige Buch",
		"El libro paciente\npor Ilse Marrow\ndel 8 de marzo de 2021 al 12 de marzo de 2021": "El libro paciente",
		"الدفتر الصبور\nتأليف: Ilse Marrow\n2021-03-08 - 2021-03-12":                        "الدفتر الصبور",
		"By: Ilse Marrow\nThe Patient Ledger\nfrom 8 Mar 2021 to 12 Mar 2021":               "The Patient Ledger",
		"# The Patient Ledger\nby Ilse Marrow\n8–12 March 2021":                             "The Patient Ledger",
		"*Design by Contract* by Ilse Marrow\n8–12 March 2021":                              "Design by Contract",
	} {
		im, err := ReadPage("page.txt", []byte(top+messages))
		if err != nil {
			t.Errorf("%q: %v", top, err)
			continue
		}
		if im.Event.Title != title || im.Event.Authors != "Ilse Marrow" || weekfile.UTC(im.Event.StartsAtMillis).Format(time.DateOnly) != "2021-03-08" || len(im.Posts) != 2 || len(im.Skipped) != 0 {
			t.Errorf("%q: %q by %q, %d posts, skipped %v", top, im.Event.Title, im.Event.Authors, len(im.Posts), im.Skipped)
		}
	}
}
