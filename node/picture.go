package node

import (
	"context"

	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/schema"
)

// TextWithPicture returns the text of a post of event e with a picture, which c makes small enough, if e's organisers let posts have
// pictures. alt is what the picture shows. A nil file stands for the picture of the text old; if old has none, words are
// returned as they are.
func TextWithPicture(ctx context.Context, c Converter, e *qa.Event, words, old string, file []byte, alt string) (string, error) {
	_, p, ok := picture.In(old)
	switch {
	case file != nil && !e.HasPictures():
		return "", Errorf(NotAllowed, "the organisers of this week have not turned on pictures")
	case len(picture.Clean(alt)) > picture.MaxAlt:
		return "", Errorf(Invalid, "what a picture shows is said in at most %d bytes", picture.MaxAlt)
	case file != nil:
		small, err := c.ShrinkPicture(ctx, file, picture.MaxBytes)
		if err != nil {
			return "", err
		}
		p = picture.Picture{Alt: alt, JPEG: small}
	case !ok:
		return words, nil
	}
	text := picture.Add(words, p)
	if most := schema.MaxText - (len(text) - len(words)); len(text) > schema.MaxText {
		return "", Errorf(Invalid, "with this picture, the text can have at most %d bytes, and it has %d", most, len(words))
	}
	return text, nil
}
