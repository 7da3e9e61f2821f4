// Returns the texts of the page whose contrast is less than WCAG 2.2 AA asks for (1.4.3):
// 4.5 to 1, or 3 to 1 for text of 24 px on, or of 18.66 px on when bold.
() => {
  const parse = (colour) => {
    const numbers = colour.match(/^rgba?\(([^)]+)\)$/)[1].split(/[ ,/]+/).map(Number);
    return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
  };
  const over = (top, below) =>
    top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha));
  const background = (element) => {
    const below = element.parentElement ? background(element.parentElement) : [255, 255, 255];
    return over(parse(getComputedStyle(element).backgroundColor), below);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const showsText = (element) =>
    element.getClientRects().length > 0 &&
    (element.matches("input, select, textarea") ||
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));

  return [...document.body.querySelectorAll("*")].filter(showsText).flatMap((element) => {
    const style = getComputedStyle(element);
    const behind = background(element);
    const text = over(parse(style.color), behind);
    const [dark, light] = [luminance(behind), luminance(text)].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const name = `${element.tagName} "${element.textContent.trim().slice(0, 40)}"`;
    return ratio < (large ? 3 : 4.5) ? [`${name}: ${ratio.toFixed(2)}`] : [];
  });
}
