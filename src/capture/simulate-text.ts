/**
 * Texts of simulated campaigns: written for this purpose, harmless, in the languages and charsets of the first phase and
 * of the partners. `{url}` is the advertised page, `{ref}` the campaign's code. Hosts under made-up names that say they
 * are simulated; nothing here was ever sent.
 */
import type { SimulatedCharset, SimulatedEncoding } from "./simulate-charset.ts";

/** How a message is built: one text part, one HTML part, both as alternatives, or a text with a small image attached. */
export type SimulatedLayout = "plain" | "html" | "alternative" | "image";

/** A campaign's text. */
export interface Template {
  readonly id: string;
  /** ISO 639-1, with the economy where the script differs. */
  readonly language: Language;
  readonly charset: SimulatedCharset;
  readonly encoding: SimulatedEncoding;
  readonly layout: SimulatedLayout;
  readonly subject: string;
  /** The subject's bytes stand bare in the header, in the body's charset: as much spam has it. */
  readonly bareSubject?: true;
  readonly paragraphs: readonly string[];
  /** Suffixes of advertised hosts; an IPv4 prefix (`61.59.7.`) makes a literal address. */
  readonly hosts: readonly string[];
}

/** Languages of the simulation. */
export type Language = "zh-TW" | "zh-CN" | "ja" | "ko" | "pl" | "uk" | "ru" | "es" | "pt" | "de" | "en";

const tw = [".com.tw", ".tw", ".com.tw", ".example"];
const en = [".example", ".example", ".com.au", ".hk", ".example"];

/** All templates; several of a language differ in layout, charset or encoding. */
export const templates: readonly Template[] = [
  {
    id: "loan-tw",
    language: "zh-TW",
    charset: "big5",
    encoding: "base64",
    layout: "html",
    subject: "低利貸款輕鬆辦，當天撥款免擔保",
    paragraphs: [
      "親愛的朋友您好：",
      "您是否正為資金周轉煩惱？本中心提供低利率貸款方案，手續簡便，不需要保證人。",
      "只要準備身分證與存摺影本，最快當天就能完成審核並且撥款到您的帳戶。",
      "詳細內容請參考網頁 {url}",
      "活動代號 {ref}，名額有限，歡迎立即洽詢。",
    ],
    hosts: tw,
  },
  {
    id: "tea-tw",
    language: "zh-TW",
    charset: "big5",
    encoding: "8bit",
    layout: "plain",
    subject: "高山茶葉產地直送，買三送一",
    bareSubject: true,
    paragraphs: [
      "愛茶的您千萬不要錯過今年最香的春茶。",
      "由茶農親手採收製作，真空包裝，全台免運費，三天內送到府上。",
      "現在訂購還可以享受買三送一的優惠，數量有限，售完為止。",
      "線上訂購：{url}",
      "優惠代碼：{ref}",
    ],
    hosts: tw,
  },
  {
    id: "software-tw",
    language: "zh-TW",
    charset: "big5",
    encoding: "quoted-printable",
    layout: "html",
    subject: "最新軟體光碟大特賣，全館三折起",
    paragraphs: [
      "年度清倉大特價，各種應用軟體與教學光碟全面三折起。",
      "購買五片以上再贈送精美收納包，貨到付款，安全又方便。",
      "目錄每週更新，請點選下面的網址查看完整清單。",
      "{url}",
      "訂單編號請註明 {ref}",
    ],
    hosts: [...tw, "61.59.7."],
  },
  {
    id: "job-tw",
    language: "zh-TW",
    charset: "utf-8",
    encoding: "base64",
    layout: "alternative",
    subject: "在家兼職，每天兩小時，收入穩定",
    paragraphs: [
      "想要增加收入又不想離開家裡嗎？",
      "我們誠徵資料整理人員，工作時間自由安排，每天只要兩個小時，新手也可以輕鬆上手。",
      "公司提供完整的教學與專人輔導，薪資每週結算。",
      "請先填寫線上表格：{url}",
      "推薦代號 {ref}",
    ],
    hosts: tw,
  },
  {
    id: "course-cn",
    language: "zh-CN",
    charset: "gb2312",
    encoding: "base64",
    layout: "html",
    subject: "企业管理培训课程，本月优惠报名",
    paragraphs: [
      "尊敬的客户您好！",
      "本公司长期举办企业管理、财务税务和市场营销培训课程，由经验丰富的讲师授课。",
      "现在报名可以享受八折优惠，三人以上同时报名再送全套教材。",
      "详情请访问：{url}",
      "报名编号：{ref}",
    ],
    hosts: [".com.cn", ".cn"],
  },
  {
    id: "parts-cn",
    language: "zh-CN",
    charset: "gb2312",
    encoding: "quoted-printable",
    layout: "plain",
    subject: "电子元件现货供应，质量保证",
    paragraphs: [
      "我公司专业供应各种电子元件，现货充足，价格合理，质量有保证。",
      "欢迎新老客户来电咨询，我们将竭诚为您服务，当天发货。",
      "产品目录：{url}",
      "询价代码 {ref}",
    ],
    hosts: [".com.cn", ".example"],
  },
  {
    id: "income-ja",
    language: "ja",
    charset: "iso-2022-jp",
    encoding: "7bit",
    layout: "plain",
    subject: "在宅で始める副収入のご案内",
    paragraphs: [
      "突然のメールで失礼いたします。",
      "パソコンと少しの時間があれば、どなたでも自宅で始められる仕事をご紹介しています。",
      "初期費用は一切かかりません。くわしい資料を無料でお送りします。",
      "お申し込みはこちらのページから：{url}",
      "受付番号 {ref}",
    ],
    hosts: [".jp", ".co.jp"],
  },
  {
    id: "health-ja",
    language: "ja",
    charset: "iso-2022-jp",
    encoding: "7bit",
    layout: "alternative",
    subject: "話題の健康食品を特別価格でお届け",
    paragraphs: [
      "いつもご利用ありがとうございます。",
      "今月は人気の健康食品を、期間限定の特別価格でご用意いたしました。",
      "まとめてご注文いただくと送料は無料になります。この機会にぜひお試しください。",
      "商品の一覧：{url}",
      "キャンペーン番号 {ref}",
    ],
    hosts: [".jp", ".example"],
  },
  {
    id: "loan-ko",
    language: "ko",
    charset: "euc-kr",
    encoding: "base64",
    layout: "html",
    subject: "무방문 당일 대출 상담 안내",
    paragraphs: [
      "안녕하세요, 고객님.",
      "직장인과 자영업자를 위한 낮은 금리의 대출 상품을 소개합니다.",
      "복잡한 서류 없이 인터넷으로 간단하게 신청하시면 당일 상담이 가능합니다.",
      "자세한 내용은 홈페이지를 참고하세요: {url}",
      "상담 번호 {ref}",
    ],
    hosts: [".co.kr", ".kr"],
  },
  {
    id: "credit-pl",
    language: "pl",
    charset: "iso-8859-2",
    encoding: "quoted-printable",
    layout: "plain",
    subject: "Tania pożyczka na święta, decyzja w piętnaście minut",
    paragraphs: [
      "Dzień dobry,",
      "przedstawiamy wyjątkową ofertę pożyczki gotówkowej bez zbędnych formalności i bez poręczycieli.",
      "Wystarczy wypełnić krótki formularz, a pieniądze trafią na Twoje konto jeszcze dziś.",
      "Więcej szczegółów znajdziesz na stronie {url}",
      "Numer oferty: {ref}",
    ],
    hosts: [".pl", ".com.pl"],
  },
  {
    id: "windows-uk",
    language: "uk",
    charset: "windows-1251",
    encoding: "base64",
    layout: "plain",
    subject: "Вікна та двері від виробника зі знижкою",
    paragraphs: [
      "Шановні друзі!",
      "Наша компанія виготовляє якісні пластикові вікна та двері за помірними цінами.",
      "Безкоштовний виїзд майстра, швидкий монтаж і гарантія п'ять років.",
      "Замовляйте на сайті {url}",
      "Код знижки {ref}",
    ],
    hosts: [".com.ua", ".ua"],
  },
  {
    id: "seminar-ru",
    language: "ru",
    charset: "windows-1251",
    encoding: "8bit",
    layout: "html",
    subject: "Семинар для бухгалтеров: новое в налоговом учёте",
    paragraphs: [
      "Уважаемые коллеги!",
      "Приглашаем вас принять участие в семинаре, посвящённом изменениям в налоговом законодательстве.",
      "Участники получат сборник документов и ответы на все вопросы от опытных специалистов.",
      "Программа и запись: {url}",
      "Номер приглашения {ref}",
    ],
    hosts: [".ru", ".com.ua"],
  },
  {
    id: "travel-es",
    language: "es",
    charset: "utf-8",
    encoding: "quoted-printable",
    layout: "html",
    subject: "Vacaciones en la playa: últimos lugares con descuento",
    paragraphs: [
      "Estimado amigo:",
      "Este año disfrute de unas vacaciones inolvidables junto al mar con nuestros paquetes de alojamiento y desayuno.",
      "La promoción termina el próximo domingo y quedan muy pocas habitaciones disponibles.",
      "Reserve ahora en {url}",
      "Código de promoción: {ref}",
    ],
    hosts: [".com.uy", ".uy", ".example"],
  },
  {
    id: "course-pt",
    language: "pt",
    charset: "utf-8",
    encoding: "quoted-printable",
    layout: "plain",
    subject: "Curso de inglês pela internet com certificado grátis",
    paragraphs: [
      "Olá, tudo bem?",
      "Aprenda inglês no conforto da sua casa com aulas rápidas e exercícios de conversação.",
      "As inscrições estão abertas até sexta-feira e a primeira lição não custa nada.",
      "Faça já a sua matrícula: {url}",
      "Código da turma {ref}",
    ],
    hosts: [".com.br", ".example"],
  },
  {
    id: "casino-de",
    language: "de",
    charset: "utf-8",
    encoding: "8bit",
    layout: "plain",
    subject: "Ihr persönliches Gutschein-Guthaben wartet auf Sie",
    paragraphs: [
      "Guten Tag,",
      "für Sie wurde ein Gutschein über fünfzig Euro reserviert, den Sie noch heute einlösen können.",
      "Öffnen Sie dazu einfach die folgende Seite und wählen Sie eines unserer beliebten Spiele.",
      "{url}",
      "Gutscheinnummer {ref}",
    ],
    hosts: [".de", ".example"],
  },
  {
    id: "pharmacy-en",
    language: "en",
    charset: "us-ascii",
    encoding: "7bit",
    layout: "plain",
    subject: "Your order of vitamins can ship today",
    paragraphs: [
      "Dear customer,",
      "our online pharmacy has lowered all prices this week. Save up to seventy percent on vitamins and supplements.",
      "No appointment, no waiting, discreet packaging and free delivery to your door.",
      "Browse the catalogue: {url}",
      "Quote {ref} when you order.",
    ],
    hosts: en,
  },
  {
    id: "watches-en",
    language: "en",
    charset: "us-ascii",
    encoding: "quoted-printable",
    layout: "html",
    subject: "Elegant watches at a fraction of the price",
    paragraphs: [
      "Treat yourself to something special this season.",
      "Our new collection of elegant watches looks and feels like the originals, and nobody will know the difference.",
      "Every piece comes with a gift box and a two year guarantee.",
      "See the collection at {url}",
      "Offer {ref} ends on Sunday.",
    ],
    hosts: en,
  },
  {
    id: "stock-en",
    language: "en",
    charset: "us-ascii",
    encoding: "7bit",
    layout: "image",
    subject: "This small company is about to make news",
    paragraphs: [
      "Investors alert!",
      "Analysts expect a strong announcement from this small mining company before the end of the week.",
      "The price has been rising on growing volume for three days. Do your own research and act early.",
      "Full report: {url}",
      "Bulletin {ref}",
    ],
    hosts: [".example"],
  },
  {
    id: "bank-en",
    language: "en",
    charset: "us-ascii",
    encoding: "base64",
    layout: "alternative",
    subject: "Please confirm your account details",
    paragraphs: [
      "Dear account holder,",
      "during our regular review we were unable to verify some of your information.",
      "To avoid interruption of the service, please sign in and confirm your details within two days.",
      "{url}",
      "Reference {ref}",
    ],
    hosts: [".example", "1.160.11.", "119.236.9.", "58.160.5.", "167.56.4.", "83.16.3."],
  },
];
