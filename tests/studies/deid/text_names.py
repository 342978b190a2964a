"""Names to plant: one list to tune on, one held out. Invented combinations, nobody's record."""

from __future__ import annotations

from pathlib import Path

from tests.studies.deid.text_values import words

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾"
    "丁魏薛叶阎"
    "余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟"
)
RARE = "仝隗逄亓郤昝阚厍郗芮羿储靳"
COMPOUND = ("欧阳", "司马", "上官", "诸葛", "皇甫", "慕容", "司徒", "尉迟")
GIVEN = words(
    "伟 芳 娜 敏 静 丽 强 磊 洋 勇 艳 杰 涛 明 超 霞 刚 英 建国 志强 秀英 桂兰 晓明 小红 文静 "
    "海燕 雪梅 "
    "玉兰 国庆 建华 春梅 丽华 俊杰 子涵 浩然 欣怡 梓萱 宇轩 诗涵 一诺 思远 雨桐 嘉怡 天佑 博文 "
    "晨曦 佳琪 "
    "德福 长贵 金花 凤英 翠花 永红 卫东 立新 爱民 红梅 素珍 淑芬 桂英 玉珍 志明 家豪 美玲 淑惠 "
    "雅婷 冠宇 "
    "宗翰 俊宏 怡君 承恩 景行 若曦 沐宸 奕辰"
)
SURNAMES_HELD = "".join(
    words("龙万段雷钱汤尹黎易常武乔贺赖龚文樊兰殷施陶洪翟安颜倪严牛 温芦季俞章鲁葛伍韦")
    + words("申尤毕聂丛焦向柳邢路岳齐")
)
RARE_HELD = "缪蔺闵甄麴笪佘禤逯郜晏阮訾"
COMPOUND_HELD = ("夏侯", "令狐", "宇文", "长孙", "端木", "南宫", "呼延")


def _listed(file: str) -> list[str]:
    lines = (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


GIVEN = [*GIVEN, *_listed("given_zh.txt")]
GIVEN_HELD = _listed("given_held_zh.txt")
FIRST = words(
    "John Mary James Patricia Robert Jennifer Michael Linda David Elizabeth William Barbara "
    "Richard "
    "Susan Joseph Jessica Thomas Sarah Daniel Karen Emily Emma Olivia Anna Peter Laura Kevin Amy"
)
LAST = words(
    "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Martin "
    "Thompson Harris Clark Lewis Walker Hall Young King Wright Hill Green Baker Nelson Carter "
    "O'Brien McDonald Van-Dyke Müller García"
)
FIRST_HELD = words(
    "Steven Donna Edward Carol Brian Ruth Ronald Sharon Anthony Michelle Kenneth Amanda Gary "
    "Melissa "
    "Nicole Frank Helen Raymond Samantha Gregory Katherine Priya Ahmed Fatima Sven Ingrid Kofi Yuki"
)
LAST_HELD = words(
    "Sigurdsson Kowalczyk Okonkwo Papadopoulos Nguyen Fitzgerald Hernandez Campbell Mitchell "
    "Henderson Castillo Yamamoto Petrov Al-Hassan D'Angelo McAllister Sørensen Dvořák Rao Iyer "
    "Bianchi Novak Haddad Osei Lindqvist"
)
CITIES = (
    "浙江省杭州市西湖区", "北京市朝阳区", "上海市浦东新区", "广东省深圳市南山区",
    "河南省周口市沈丘县", "四川省成都市",
    "新疆维吾尔自治区喀什市", "湖北武汉江汉区", "江苏省南京市鼓楼区", "辽宁省大连市",
    "内蒙古自治区赤峰市", "昆明市五华区",
)  # fmt: skip
CITIES_HELD = (
    "山东省临沂市沂水县", "天津市和平区", "重庆市渝北区", "湖南省长沙市岳麓区",
    "云南省大理白族自治州大理市", "甘肃省定西市陇西县",
    "福建泉州晋江市", "广西壮族自治区柳州市", "黑龙江省齐齐哈尔市", "贵州省毕节市织金县",
    "海口市美兰区", "安徽省合肥市蜀山区",
)  # fmt: skip
ROADS = ("建国路", "文三路", "人民大道", "中山东路", "解放街", "学院路")
ROADS_HELD = ("天府三街", "迎宾大道", "和平里北街", "五四西路", "滨江路", "太白南路")
ESTATES = ("阳光花园", "幸福小区", "翠苑新村", "万科城市花园")
ESTATES_HELD = ("锦绣江南小区", "碧桂园公寓", "金色家园", "望京西园")
VILLAGES = ("张家村", "李家庄村", "王庄村", "柳树屯村")
VILLAGES_HELD = ("东山头村", "下沙村", "八里桥村", "石门坎村")
TOWNS = ("城关镇", "临河乡", "白马镇", "双桥镇")
TOWNS_HELD = ("赵楼镇", "新丰乡", "马坡镇", "青木关镇")
STREETS = (
    "Maple Street",
    "Oak Avenue",
    "King's Road",
    "Lake Shore Drive",
    "Elm St",
    "Zhongshan Road",
)
STREETS_HELD = (
    "Birchwood Lane", "Martin Luther King Blvd", "Church Rd", "Sunset Terrace", "Fifth Ave",
    "Renmin Road",
)  # fmt: skip
TOWNS_EN = (
    "Springfield, IL",
    "Boston, MA",
    "Cedar Falls, Iowa",
    "Leeds",
    "Chaoyang District, Beijing",
)
TOWNS_EN_HELD = (
    "Dayton, OH",
    "Tucson, Arizona",
    "Norwich",
    "Haidian District, Beijing",
    "Fresno, CA",
)
HOSPITALS = (
    "北京协和医院", "杭州市第一人民医院", "上海瑞金医院", "四川大学华西医院", "沈丘县人民医院",
    "江汉区中心卫生院", "浙江大学医学院附属第二医院",
)  # fmt: skip
HOSPITALS_HELD = (
    "天津市肿瘤医院", "中南大学湘雅医院", "临沂市中医院", "广州中山纪念医院", "渝北区妇幼保健院",
    "解放军第301医院", "岳麓区社区卫生服务中心",
)  # fmt: skip
HOSPITALS_EN = (
    "Northgate General Hospital", "St. Mary's Hospital", "Mayo Clinic", "Riverside Medical Center",
)  # fmt: skip
HOSPITALS_EN_HELD = (
    "Royal Victoria Infirmary", "Mount Sinai Hospital", "Lakeview Community Hospital",
    "Cleveland Clinic", "Beijing Friendship Hospital",
)  # fmt: skip
DOMAINS = ("example.com", "163.com", "qq.com", "mail.example.org")
DOMAINS_HELD = ("hospital.example.cn", "126.com", "outlook.example.net", "foxmail.com")
