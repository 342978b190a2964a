"""How common Chinese names are: what two equal names are worth as evidence.

Shares of a name's part among people, 0 to 1, rounded. Surnames after the yearly name reports of
China's Ministry of Public Security; given names estimated from the most frequent ones listed there.
"""

from __future__ import annotations

_SURNAMES = (
    "王 7.2 李 7.2 张 6.8 刘 5.4 陈 4.6 杨 3.1 赵 2.1 黄 2.3 周 1.9 吴 2.0 徐 1.5 孙 1.4 胡 1.2 "
    "朱 1.3 高 1.1 林 1.2 何 1.2 郭 1.1 马 1.2 罗 1.0 梁 0.9 宋 0.8 郑 0.9 谢 0.8 韩 0.7 唐 0.7 "
    "冯 0.6 于 0.6 董 0.6 萧 0.2 肖 0.6 程 0.6 曹 0.6 袁 0.5 邓 0.6 许 0.6 傅 0.3 沈 0.5 曾 0.6 "
    "彭 0.6 吕 0.5 苏 0.5 卢 0.5 蒋 0.5 蔡 0.5 贾 0.4 丁 0.4 魏 0.4 薛 0.3 叶 0.4 阎 0.1 余 0.4 "
    "潘 0.4 杜 0.4 戴 0.3 夏 0.3 钟 0.4 汪 0.4 田 0.4 任 0.4 姜 0.4 范 0.4 方 0.3 石 0.3 姚 0.3"
)
_words = _SURNAMES.split()
SURNAMES = {name: float(share) / 100 for name, share in zip(_words[::2], _words[1::2], strict=True)}
OTHER_SURNAME = 0.001

_COMMON_CHARACTERS = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚英华玉红文国建志海春梅兰桂玲小晓丹雪"
)
COMMON_CHARACTER = 0.015
OTHER_CHARACTER = 0.003
CHARACTERS = dict.fromkeys(_COMMON_CHARACTERS, COMMON_CHARACTER)

_COMMON_SYLLABLES = (
    "ming xiao wei li jun hua yu jing ying hong fang jie lin xin yan ping xia mei guo jian zhi yi "
    "yuan wen qing hui xiu lan feng chun gui dong zhen hao yong qiang min hai rui xue jia zi ya"
)
COMMON_SYLLABLE = 0.03
OTHER_SYLLABLE = 0.01
SYLLABLES = dict.fromkeys(_COMMON_SYLLABLES.split(), COMMON_SYLLABLE)

ONE_CHARACTER = 0.12
"""Share of people whose given name has one character."""
FOREIGN = 2e-5
"""Share taken for a whole name that is not Chinese."""


def written(family: str, given: str) -> float:
    """Share of people with exactly this name in simplified characters."""
    share = SURNAMES.get(family, OTHER_SURNAME)
    for character in given:
        share *= CHARACTERS.get(character, OTHER_CHARACTER)
    return share * (ONE_CHARACTER if len(given) == 1 else 1.0)


def sounding(family_share: float, syllables: tuple[str, ...]) -> float:
    """Share of people whose name sounds so: surname's share and the given name's syllables."""
    share = family_share
    for syllable in syllables:
        share *= SYLLABLES.get(syllable, OTHER_SYLLABLE)
    return share * (ONE_CHARACTER if len(syllables) == 1 else 1.0)
