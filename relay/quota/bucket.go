package quota

import "time"

// Rate is what a Bucket is filled with: Burst units at once, and Each more in every Per.
// With a negative Burst there is no bound.
type Rate struct {
	Burst, Each float64
	Per         time.Duration
}

// PerSecond, PerMinute and PerHour return rates of so much at once, and so much more in
// each second, minute or hour.
func PerSecond[N number](burst, each N) Rate { return Rate{float64(burst), float64(each), time.Second} }

func PerMinute[N number](burst, each N) Rate { return Rate{float64(burst), float64(each), time.Minute} }

func PerHour[N number](burst, each N) Rate { return Rate{float64(burst), float64(each), time.Hour} }

type number interface{ int | int64 | float64 }

func (r Rate) bounded() bool { return r.Burst >= 0 }

// Bucket is a token bucket. The zero Bucket is full. It is not safe for concurrent use.
type Bucket struct {
	spent float64 // below the burst; may be more: then the rest is debt
	at    time.Time
}

// Left returns how many units are left at a time; less than none when there is debt.
func (b *Bucket) Left(r Rate, now time.Time) float64 {
	if !r.bounded() {
		return 1 << 30
	}
	// A clock that goes back gives nothing.
	if passed := now.Sub(b.at); passed > 0 && b.spent > 0 {
		b.spent = max(0, b.spent-max(r.Each, 0)*float64(passed)/float64(r.Per))
	}
	b.at = now
	return r.Burst - b.spent
}

// Has reports whether cost units are left beside those that are planned. What costs more
// than a whole bucket passes when the bucket is full.
func (b *Bucket) Has(r Rate, now time.Time, cost, planned float64) bool {
	return b.Left(r, now)-planned >= min(cost, max(r.Burst, 1))
}

// Wait returns how long it takes until cost units are left; 0 when they are, or never
// will be.
func (b *Bucket) Wait(r Rate, now time.Time, cost float64) time.Duration {
	lacks := min(cost, max(r.Burst, 1)) - b.Left(r, now)
	if lacks <= 0 || r.Each <= 0 {
		return 0
	}
	return time.Duration(lacks / r.Each * float64(r.Per))
}

// Full reports whether nothing is spent.
func (b *Bucket) Full(r Rate, now time.Time) bool { return b.Left(r, now) >= r.Burst }

// Spend takes cost units, as debt where they are not left.
func (b *Bucket) Spend(cost float64) { b.spent += cost }

// Charge takes cost units, or gives them back where cost is negative, and returns how
// many are spent after that.
func (b *Bucket) Charge(r Rate, now time.Time, cost float64) (spent float64) {
	b.Left(r, now)
	b.spent = max(0, b.spent+cost)
	return b.spent
}
