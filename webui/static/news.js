// The words of the bar that says what is new.

// newsWords counts the posts that are not shown yet. parts is a list of [count, "new" or the
// like]; action is the text of the link that shows them.
export function newsWords(parts, action) {
  const some = parts.filter(([count]) => count > 0);
  const count = some.reduce((sum, [n]) => sum + n, 0);
  return count ? some.map(part => part.join(' ')).join(', ') + '. ' + (action || 'Show ' + (count === 1 ? 'it' : 'them')) : '';
}

// belongsToView reports whether a list with this query in its address may show a new post.
export function belongsToView(query, isQuestion) {
  const show = new URLSearchParams(query).get('show');
  return !show || show === 'unanswered' && isQuestion;
}
