// A picture file of a chart, made in the browser: works from file:// and without any other computer.
(function () {
  var kept = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'opacity',
    'fill-opacity', 'font-size', 'font-weight', 'font-family', 'text-anchor'];
  function picture(svg, name) {
    var copy = svg.cloneNode(true), from = svg.querySelectorAll('*'), to = copy.querySelectorAll('*');
    for (var i = 0; i < from.length; i++) {
      var style = getComputedStyle(from[i]), text = '';
      if (from[i].closest('defs')) continue;
      kept.forEach(function (key) { text += key + ':' + style.getPropertyValue(key).replace(/"/g, "'") + ';'; });
      to[i].setAttribute('style', text);
    }
    var box = svg.viewBox.baseVal, scale = 1400 / box.width, image = new Image();
    copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    copy.setAttribute('width', box.width * scale);
    copy.setAttribute('height', box.height * scale);
    image.onload = function () {
      var canvas = document.createElement('canvas'), edge = 40, pen = canvas.getContext('2d');
      canvas.width = image.width + 2 * edge;
      canvas.height = image.height + 2 * edge;
      pen.fillStyle = getComputedStyle(document.body).backgroundColor;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, edge, edge);
      var link = document.createElement('a');
      link.download = name + '.png';
      link.href = canvas.toDataURL('image/png');
      link.click();
    };
    image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(new XMLSerializer().serializeToString(copy));
  }
  document.querySelectorAll('.tools[data-name]').forEach(function (tools) {
    var button = document.createElement('button'), svg = tools.closest('figure').querySelector('svg.chart');
    button.type = 'button';
    button.textContent = 'PNG';
    button.setAttribute('aria-label', tools.dataset.png);
    button.addEventListener('click', function () { picture(svg, tools.dataset.name); });
    tools.insertBefore(button, tools.firstChild.nextSibling);
  });
})();
