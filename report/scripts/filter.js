// Narrows a list of rows by words and choices. Without it the whole list stands there, ordered by headings.
(function () {
  var form = document.currentScript.previousElementSibling;
  if (!form || !form.matches('form.filter')) return;
  form.hidden = false;
  function plain(text) {
    return text.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '').replace(/ß/g, 'ss');
  }
  function begin() {
    var list = form.closest('section'), said = form.querySelector('output'), rows = [];
    list.querySelectorAll('li[data-k]').forEach(function (row) {
      rows.push({ row: row, href: row.querySelector('a').href, text: plain(row.textContent), keys: ' ' + row.dataset.k + ' ' });
    });
    var all = new Set(rows.map(function (each) { return each.href; })).size;
    function apply() {
      var words = plain(form.querySelector('input').value).split(/\s+/).filter(Boolean), keys = [], shown = {};
      form.querySelectorAll('select').forEach(function (select) { if (select.value) keys.push(' ' + select.value + ' '); });
      rows.forEach(function (each) {
        var fits = words.every(function (word) { return each.text.indexOf(word) >= 0; }) &&
          keys.every(function (key) { return each.keys.indexOf(key) >= 0; });
        each.row.hidden = !fits;
        if (fits) shown[each.href] = true;
      });
      list.querySelectorAll('.group').forEach(function (group) {
        group.hidden = !group.querySelector('li[data-k]:not([hidden])');
      });
      said.textContent = form.dataset.count.replace('{n}', Object.keys(shown).length).replace('{all}', all);
    }
    form.addEventListener('input', apply);
    form.addEventListener('reset', function () { setTimeout(apply); });
    form.addEventListener('submit', function (event) { event.preventDefault(); });
    apply();
  }
  document.addEventListener('DOMContentLoaded', begin);
})();
