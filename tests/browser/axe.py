"""axe-core in a page: every rule of WCAG 2.2 A and AA and of best practice, with no exception."""

from importlib.resources import files
from typing import Any

from playwright.async_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
RUN = """async ([levels, colours]) => {
  const rules = Object.fromEntries(axe.getRules(levels).map(rule => [rule.ruleId, {enabled: true}]));
  rules["color-contrast"].enabled = colours;
  const asked = {runOnly: {type: "tag", values: levels}, rules, resultTypes: ["violations"]};
  const found = await axe.run(document, asked);
  return found.violations;
}"""


async def faults(page: Page, *, colours: bool = True) -> list[str]:
    """What axe finds wrong with the page as it stands: rule, place and markup.

    Without ``colours`` their contrast is not looked at: most of axe's work, and the same in any language.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(SOURCE)
    found: list[dict[str, Any]] = await page.evaluate(RUN, [LEVELS, colours])
    return [f"{one['id']}: {node['target']} {node['html'][:200]}" for one in found for node in one["nodes"]]
