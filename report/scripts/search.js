// Search over a list that is loaded as a classic script on first use: works from file://, without fetch or modules.
(function () {
  var box = document.getElementById('q');
  if (!box) return;
  var hits = box.form.querySelector('.hits'), loaded = false;
  function plain(text) {
    return text.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '').replace(/ß/g, 'ss');
  }
  function load() {
    if (loaded) return;
    loaded = true;
    var script = document.createElement('script');
    script.src = box.dataset.index;
    script.onload = show;
    document.head.appendChild(script);
  }
  function show() {
    var words = plain(box.value).split(/\s+/).filter(Boolean), index = window.SEARCH_INDEX;
    hits.textContent = '';
    hits.hidden = !words.length || !index;
    if (hits.hidden) return;
    var found = index.filter(function (entry) {
      var text = plain(entry[0] + ' ' + entry[2]);
      return words.every(function (word) { return text.indexOf(word) >= 0; });
    }).slice(0, 12);
    found.forEach(function (entry) {
      var link = document.createElement('a'), hint = document.createElement('span');
      link.href = box.dataset.base + entry[1];
      link.textContent = entry[0] + ' ';
      hint.textContent = entry[2];
      link.appendChild(hint);
      hits.appendChild(link);
    });
    if (!found.length) hits.textContent = box.dataset.none;
  }
  function move(step) {
    var links = Array.prototype.slice.call(hits.querySelectorAll('a'));
    var next = links.indexOf(document.activeElement) + step;
    if (next < 0) box.focus(); else if (links[next]) links[next].focus();
  }
  box.addEventListener('focus', load);
  box.addEventListener('input', function () { load(); show(); });
  box.form.addEventListener('keydown', function (event) {
    if (event.key === 'ArrowDown') { event.preventDefault(); move(1); }
    if (event.key === 'ArrowUp') { event.preventDefault(); move(-1); }
    if (event.key === 'Escape') { hits.hidden = true; box.focus(); }
  });
  document.addEventListener('click', function (event) { if (!box.form.contains(event.target)) hits.hidden = true; });
  box.form.addEventListener('submit', function (event) {
    var first = hits.querySelector('a');
    if (first) { event.preventDefault(); location.href = first.href; }
  });
  var asked = new URLSearchParams(location.search).get('q');
  if (asked) { box.value = asked; load(); }
})();
