"""Common English words, each one token with the blank before it in the usual vocabularies."""

from __future__ import annotations

from typing import Final

_TEXT: Final = """
able about above across action active actual after again against age agree air all allow almost alone along
already also although always among amount and animal another answer any appear apply area argue around arrive art
ask attack attempt away baby back bad balance bank bar base basic battle bear beat because become bed before begin
behind believe below benefit best better between beyond big bill bit black blood blue board body book born both
bottom box boy branch bread break bridge brief bright bring broad brother brown build building burn business but
buy call camera can capital car card care carry case catch cause cell center central century certain chain chair
chance change character charge check child choice choose church circle city claim class clean clear climb close
cloud coach coast code cold collect college color come common community company compare complete computer concern
condition consider contain continue control cook cool copy corner cost could count country couple course court
cover create cross culture cup current cut cycle daily dark data date daughter day dead deal death debate decade
decide deep degree deliver demand depend describe desert design despite detail develop die difference difficult
dinner direct discover discuss disease distance do doctor dog door double down draw dream dress drink drive drop
dry due during duty each ear early earth ease east easy eat edge effect effort egg eight either else empty end
energy engine enjoy enough enter entire equal escape especially even evening event ever every evidence exactly
example except exercise exist expect expert explain express extra eye face fact factor fail fair fall family far
farm fast father fear feature feel field fight figure fill film final find fine finger finish fire firm first fish
five flat flight floor flow fly focus follow food foot for force foreign forest forget form former forward four
frame free fresh friend from front fruit full fund future game garden gas general get girl give glass go goal gold
good government great green ground group grow growth guess guide gun hair half hall hand happen happy hard have
head health hear heart heat heavy help here high hill history hit hold hole home hope horse hospital hot hotel hour
house how huge human hundred husband idea image impact important improve include income increase indeed industry
inside instead interest into iron island issue item job join journey judge jump just keep key kid kill kind king
kitchen know lack lady lake land language large last late later laugh law lay lead leader leaf learn least leave
left leg legal less letter level library lie life light like line list listen little live local long look lose loss
lot love low lunch machine main major make man manage many map mark market marriage master match material matter
may maybe mean measure meet meeting member memory mention message metal method middle might mile military milk
mind mine minute miss mission model modern moment money month more morning most mother motion mountain mouth move
movie much music must name narrow nation natural nature near nearly neck need never new news next nice night nine
none nor north nose note nothing notice now number object occur ocean off offer office officer often oil old once
one only onto open operation option order origin other our out outside over own page paint paper parent park part
party pass past path pattern pay peace people perhaps period person phone photo physical pick picture piece place
plan plant play player please point police poor popular position possible power practice prepare present president
press pressure pretty prevent price prison private problem process produce product program project prove provide
public pull purpose push put quality quarter queen question quick quiet quite race radio rain raise range rate
rather reach read ready real reason receive recent record red reduce region relate remain remember remove report
require research rest result return rich ride right ring rise risk river road rock role room round rule run safe
same sand save say scale scene school science sea season seat second secret section see seek seem sell send sense
series serious serve seven several shake shape share sharp she ship shop short shot should shoulder show side sign
silver similar simple since single sister sit six size skill skin sky sleep slow small smile snow so social soft
soil soldier some son song soon sort sound source south space speak special speed spend spirit sport spot spring
square staff stage stand standard star start state station stay step still stock stone stop store storm story
straight strange street strong student study stuff style such sudden sugar summer sun supply support sure surface
system table take talk task teach teacher team tell ten term test than thank that the theory there thick thin thing
think third this those though thought thousand three through throw time to today together tomorrow too tool top
total touch toward town track trade train travel tree trial trip true trust truth try turn twelve twenty two type
under understand unit until up upon use usual valley value various very view village visit voice vote wait walk wall
want war warm wash watch water wave way we weapon wear weather week weight well west what wheel when where which
while white who whole why wide wife wild will win wind window wing winter wish with within without woman wonder
wood word work world worry worth would write wrong yard year yellow yes yet young your youth zero zone
"""

WORDS: Final = tuple(_TEXT.split())
