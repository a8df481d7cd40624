// The words of the bar that says what is new.

// newsWords says what waits to be shown: parts is a list of [how many, of what].
export function newsWords(parts) {
  const some = parts.filter(([count]) => count > 0);
  const count = some.reduce((sum, [n]) => sum + n, 0);
  return count ? some.map(part => part.join(' ')).join(', ') + '. Show ' + (count === 1 ? 'it' : 'them') : '';
}

// belongsToView reports whether a list that shows what the query of its address asks for
// may show a post that is not in it yet.
export function belongsToView(query, isQuestion) {
  const show = new URLSearchParams(query).get('show');
  return !show || show === 'unanswered' && isQuestion;
}
