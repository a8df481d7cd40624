package importer

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
)

// The words by which a page's own lines are recognised: the heading over the messages,
// the byline, the dates.

// questionWords and answerWords begin the words for question and answer in the plural
// and singular, in lower case. A short line with one of each is the heading over the
// messages; so is a line that is one of soleHeadings.
var (
	questionWords = []string{
		"question", "frage", "pregunta", "domand", "pergunta", "vrag", "vraag", "pytani", "fråg", "spørsmål", "spørgsmål", "kysymy",
		"вопрос", "питання", "въпрос", "питања", "otázk", "otazk", "pitanj", "vprašanj", "întreb", "intreb", "kérdés", "soru", "ερωτήσ", "ερώτησ", "klausim",
		"jautājum", "küsimus", "pertanyaan", "soalan", "câu hỏi", "hỏi", "คำถาม", "質問", "問", "问", "질문", "묻", "أسئلة", "سؤال", "שאל", "प्रश्न", "सवाल", "pyetj", "galder", "preguntes", "ceist", "cwestiwn", "spurning",
	}
	answerWords = []string{
		"answer", "antwort", "respuesta", "réponse", "reponse", "rispost", "respost", "antwoord", "odpowied", "svar", "vastau",
		"ответ", "відповід", "отговор", "одговор", "odpově", "odpove", "odgovor", "răspuns", "raspuns", "válasz", "cevap", "yanıt", "απαντήσ", "απάντησ", "atsakym",
		"atbild", "vastus", "jawaban", "jawapan", "trả lời", "đáp", "คำตอบ", "回答", "答", "대답", "답", "أجوبة", "إجابات", "جواب", "תשוב", "उत्तर", "जवाब", "përgjigj", "erantzun", "respostes", "freagra", "ateb", "svör",
	}
	soleHeadings = map[string]bool{
		"q&a": true, "q & a": true, "q+a": true, "q and a": true, "q/a": true, "f&a": true, "f & a": true, "p&r": true, "p & r": true, "p y r": true, "faq": true, "ama": true, "ask me anything": true,
		"questions": true, "fragen": true, "preguntas": true, "domande": true, "perguntas": true, "vragen": true, "pytania": true, "frågor": true, "вопросы": true, "questions asked": true,
		"discussion": true, "diskussion": true, "discusión": true, "discussione": true, "discussão": true, "discussie": true, "dyskusja": true, "обсуждение": true, "the conversation": true, "conversation": true,
		"messages": true, "nachrichten": true, "mensajes": true, "messaggi": true, "mensagens": true,
	}
)

// looseHeading reports whether a line is a heading over the messages, in any of the
// languages above.
func looseHeading(line string) bool {
	if len(line) > 300 {
		return false
	}
	line = strings.ToLower(strings.Trim(qa.PlainSpaces(line), " #*_=-–—:："))
	if line == "" || utf8.RuneCountInString(line) > 60 || strings.ContainsAny(line, ".?!。？") {
		return false
	}
	if soleHeadings[line] {
		return true
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
	if len(words) > 8 {
		return false
	}
	return hasStem(line, words, questionWords) && hasStem(line, words, answerWords)
}

// hasStem reports whether a word of a line begins with one of the stems. Stems of two words, and
// stems in scripts without spaces, may be anywhere in the line.
func hasStem(line string, words, stems []string) bool {
	for _, stem := range stems {
		r, _ := utf8.DecodeRuneInString(stem)
		if strings.Contains(stem, " ") || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Hangul, unicode.Arabic, unicode.Hebrew) {
			if strings.Contains(line, stem) {
				return true
			}
			continue
		}
		for _, w := range words {
			if strings.HasPrefix(w, stem) {
				return true
			}
		}
	}
	return false
}

var (
	// byLine matches a line that names the authors. byOtherLanguage counts only next to the dates
	// or with a colon (byColon), because "de" and "di" begin names and titles too.
	byLine          = regexp.MustCompile(`(?i)^(?:(?:written\s+)?by(?:\s*[:：]\s*|\s+)|authors?\s*[:：]\s*)(\S.*)$`)
	byOtherLanguage = regexp.MustCompile(`(?i)^(?:von|par|por|de|di|da|av|af|door|przez|od|tekijä|autor(?:en|es|a|as|i|in|innen)?|auteurs?|autrice|auteure|autore|autori|auteur|автор(?:ы)?|авторка|författare|forfatter|szerző|yazar|συγγραφέας|著者?|作者|저자|تأليف|المؤلف|المؤلفة|بقلم|מאת)(?:\s*[:：]\s*|\s+)(\S.*)$`)
	byColon         = regexp.MustCompile(`^[^:：]{1,20}\s*[:：]`)
)
