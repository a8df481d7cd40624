package qa

// The earliest and latest time that is shown: the years 1 to 9999, which every date format can write. The
// time of a change or a post can be any 64-bit number, and nothing is decided by it.
const (
	MinMillis = -62_135_596_800_000 // 0001-01-01T00:00:00Z
	MaxMillis = 253_402_300_799_999 // 9999-12-31T23:59:59.999Z
)

// ClampMillis returns ms limited to MinMillis and MaxMillis.
func ClampMillis(ms int64) int64 { return min(max(ms, MinMillis), MaxMillis) }
