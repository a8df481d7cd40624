package importer

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"flyleaf/weekfile"
)

// The days of a week as people write them on its page, in several languages and orders.

// monthWords has prefixes of month names, by month. An unknown language yields no dates, never
// wrong ones.
var monthWords = [12][]string{
	{"jan", "jän", "ene", "gen", "янв", "січ", "sty", "sau", "ocak"},
	{"feb", "fév", "fev", "fév", "фев", "лют", "lut", "şub"},
	{"mar", "mär", "maa", "mrt", "мар", "бер"},
	{"apr", "avr", "abr", "апр", "кві", "kwi", "nis"},
	{"may", "mai", "mei", "mag", "maj", "май", "мая", "тра"},
	{"jun", "juin", "giu", "июн", "чер", "cze", "haz"},
	{"jul", "juil", "lug", "июл", "лип", "lip", "tem"},
	{"aug", "aoû", "aou", "ago", "авг", "сер", "sie", "ağu"},
	{"sep", "set", "сен", "вер", "wrz", "eyl"},
	{"oct", "okt", "out", "ott", "окт", "жов", "paź", "eki"},
	{"nov", "ноя", "лис", "kas"},
	{"dec", "dez", "déc", "dic", "дек", "гру", "gru", "ara"},
}

// weekdayWords are the names of days that may come before a date.
var weekdayWords = []string{
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "mon", "tue", "wed", "thu", "fri", "sat", "sun",
	"montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
	"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica",
	"maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "segunda-feira", "sexta-feira",
}

const (
	monthForm = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	dayForm   = `\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}|\d{1,2}/\d{1,2}/\d{4}|\d{1,2} ` + monthForm + `,? \d{4}|` + monthForm + ` \d{1,2},? \d{4}`
	rangeForm = `(?:\s+(?:to|till|until|through|and|bis(?: zum)?|au|al|ao|a|à|até|tot(?: en met)?|t/m|do|til|по|إلى)\s+|\s*[–—〜～~-]\s*|\s*(?:至|到|から|부터)\s*)`
)

var (
	datesLine  = regexp.MustCompile(`(?i)(?:(?:^|.*\b)(?:from|vom|von|du|del?|dal|van|od|fra|från|с)|.*[:：]|^)\s*(.{4,20}?)\s+(?:to|till|until|through|bis(?: zum)?|au|al?|até|tot|do|til|till|по|–|—|-)\s+(.{6,20}?)\.?$`)
	datesRange = regexp.MustCompile(`(?:^|[^\p{L}\p{N}.,/-])(` + dayForm + `|\d{1,2} ` + monthForm + `|` + monthForm + ` \d{1,2})` + rangeForm + `(` + dayForm + `)\s*(?:まで|까지)?[.。)]*$`)

	eastAsian   = regexp.MustCompile(`(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]?`)
	anyWord     = regexp.MustCompile(`\p{L}[\p{L}\p{M}]*(?:-feira)?[.,]?`)
	ordinal     = regexp.MustCompile(`\b(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.)([\s,–—-])`)
	ofBefore    = regexp.MustCompile(`(\d) (?:of|de|di|d) (` + monthForm + `)\b`)
	ofAfter     = regexp.MustCompile(`\b(` + monthForm + `) (?:of|de|del) (\d{4})`)
	oneMonth    = regexp.MustCompile(`\b(\d{1,2})` + rangeForm + `(\d{1,2}) (` + monthForm + `),? (\d{4})`)
	oneMonthUS  = regexp.MustCompile(`\b(` + monthForm + `) (\d{1,2})` + rangeForm + `(\d{1,2}),? (\d{4})`)
	slashedDay  = regexp.MustCompile(`^(\d{1,2})/(\d{1,2})/(\d{4})$`)
	maxWeekSpan = 62 * 24 * time.Hour // the longest range that is read from days such as 08/03/2021
)

// readDates reads a date range. If the first date has no year, the year is chosen so that it is the
// latest date before the last day.
func readDates(line string) (from, to int64, ok bool) {
	if len(line) > 200 || !strings.ContainsAny(line, "0123456789") {
		return 0, 0, false
	}
	if m := datesLine.FindStringSubmatch(line); m != nil {
		if from, to, ok = readDays(m[1], m[2]); ok {
			return from, to, true
		}
	}
	line = englishDates(line)
	if m := datesRange.FindStringSubmatch(line); m != nil {
		return readDays(m[1], m[2])
	}
	return 0, 0, false
}

func readDays(first, last string) (from, to int64, ok bool) {
	if a, b := slashedDay.FindStringSubmatch(first), slashedDay.FindStringSubmatch(last); a != nil && b != nil {
		return readSlashed(a, b)
	}
	if to, ok = weekfile.ParseTime(last, true); !ok {
		return 0, 0, false
	}
	if from, ok = weekfile.ParseTime(first, false); ok {
		return from, to, true
	}
	first = strings.TrimRight(first, ".,") + " "
	if from, ok = weekfile.ParseTime(first+weekfile.UTC(to).Format("2006"), false); ok && from > to {
		from, ok = weekfile.ParseTime(first+weekfile.UTC(to).AddDate(-1, 0, 0).Format("2006"), false)
	}
	return from, to, ok
}

// readSlashed reads dates such as 08/03/2021, which is 8 March or August 3. It succeeds only if
// exactly one reading gives a range of at most maxWeekSpan.
func readSlashed(a, b []string) (from, to int64, ok bool) {
	found := 0
	for _, at := range [][2]int{{1, 2}, {2, 1}} {
		f, ok1 := weekfile.ParseTime(a[3]+"-"+a[at[1]]+"-"+a[at[0]], false)
		t, ok2 := weekfile.ParseTime(b[3]+"-"+b[at[1]]+"-"+b[at[0]], true)
		if ok1 && ok2 && f <= t && t-f <= maxWeekSpan.Milliseconds() && (found == 0 || f != from || t != to) {
			from, to = f, t
			found++
		}
	}
	return from, to, found == 1
}

// englishDates rewrites dates in other languages into the form that weekfile.ParseTime reads.
func englishDates(line string) string {
	line = eastAsian.ReplaceAllString(line, "$1-$2-$3")
	line = anyWord.ReplaceAllStringFunc(line, func(word string) string {
		lower := strings.ToLower(strings.TrimRight(word, ".,"))
		for _, day := range weekdayWords {
			if lower == day {
				return ""
			}
		}
		if utf8.RuneCountInString(lower) < 3 {
			return word
		}
		for month, stems := range monthWords {
			for _, stem := range stems {
				if strings.HasPrefix(lower, stem) {
					return time.Month(month + 1).String()[:3]
				}
			}
		}
		return word
	})
	line = strings.Join(strings.Fields(line), " ")
	line = ordinal.ReplaceAllString(line, "$1$2")
	line = ofBefore.ReplaceAllString(line, "$1 $2")
	line = ofAfter.ReplaceAllString(line, "$1 $2")
	line = oneMonth.ReplaceAllString(line, "$1 $3 $4 - $2 $3 $4")
	return oneMonthUS.ReplaceAllString(line, "$1 $2 $4 - $1 $3 $4")
}
